# settings: a line `setting` for each, and `settings` at the end.
from canbean.said import sixteenths

READS = True


def run(app, words):
    from . import overlay
    from .ours import ours

    for line in overlay.read()[1]:
        name = line.split()[0]
        words = line[len(name) + 1 :]
        app.console.lines.send(
            "setting", (("name", name), ("words", words), ("used", ours(app.console.app, name)))
        )
    say(app, overlay)


# The line `settings`.
def say(app, overlay):
    watch = getattr(app, "watch", None)
    number, lines, digest = overlay.read()
    threshold = rules = None
    if watch:
        threshold = sixteenths(watch.fingerprint.threshold)
        rules = watch.rules.n if watch.rules else 0
    app.console.lines.send(
        "settings",
        (
            ("number", number),
            ("count", len(lines)),
            ("digest", digest),
            ("slot", overlay.value(lines, "slot", app.console.board.slot)),
            ("threshold", threshold),
            ("rules", rules),
        ),
    )
