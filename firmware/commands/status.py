# status: what has been counted since the start.
READS = True


# Of the gateway.
def gateway(app):
    feed = app.feed
    watch = app.watch
    epoch = app.epoch
    return (
        ("frames", feed.frames if feed else 0),
        ("alerts", watch.alerts if watch else 0),
        ("unscored", watch.unscored if watch else 0),
        ("ignored", feed.ignored if feed else 0),
        ("kept", len(app.lines.kept)),
        ("lost", app.lines.lost),
        ("clock", epoch and epoch[0]),
        ("clock_age_s", epoch and app.console.uptime() // 1000 - epoch[1]),
    )


def run(app, _):
    console = app.console
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
