# hello: what runs on this board; first of all why there is no model, if so.
from canbean import VERSION

READS = True


def run(app, _):
    console = app.console
    board = console.board
    lines = console.lines
    if console.refused:
        lines.send("error", (("reason", console.refused), ("errors", console.errors)))
    more = ()
    if hasattr(app, "expires"):
        # of a roast meter
        sensor = app.sensor and app.sensor.NAME.lower()
        unit = [line.split()[2] for line in board.settings or () if line[:12] == "calibration "]
        more = ("sensor", sensor), ("unit", unit[0] if unit else None)
    lines.send(
        "hello",
        (
            ("app", console.app),
            ("firmware", VERSION),
            ("board", board.NAME),
            ("model", console.model),
            ("golden", "ok" if console.model else "failed"),
            ("heap_free", board.heap_free()),
            ("window", board.WINDOW),
        )
        + more,
    )
