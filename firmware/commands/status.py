# status: what has been counted since the start.
from canbean import const

READS = True
# As in fingerprint.py.
_SCORED = const(10)


# Of the gateway.
def gateway(app):
    feed = app.feed
    watch = app.watch
    epoch = app.epoch
    bus = app.bus
    if bus and not app.until:
        # of the bus since the detectors were reset, modulo 2**30
        frames = watch.fingerprint.now[_SCORED] + watch.unscored
    else:
        frames = feed.frames if feed else 0
    return (
        ("frames", frames),
        ("alerts", watch.alerts if watch else 0),
        ("unscored", watch.unscored if watch else 0),
        ("ignored", feed.ignored if feed else 0),
        ("kept", len(app.lines.kept)),
        ("lost", app.lines.lost),
        ("bus", app.state),
        ("dropped", app.ring.lost + app.overflows if bus else 0),
        ("unwatched", app.unwatched),
        ("clock", epoch and epoch[0]),
        ("clock_age_s", epoch and app.console.uptime() // 1000 - epoch[1]),
    )


def run(app, _):
    console = app.console
    if hasattr(app, "expires"):
        counts = (("readings", app.readings),)
    else:
        counts = console.counts() if console.counts else gateway(app)
    console.lines.send(
        "status",
        (("uptime_s", console.uptime() // 1000),)
        + counts
        + (
            ("noise", console.link.noise),
            ("errors", console.errors),
            ("heap_free", console.board.heap_free()),
        ),
    )
