# `time S`: the host says what time it is, in seconds since 1970. Answered by the status.


def run(app, words):
    s = int(words[0])
    if not 0 < s < 1 << 32:
        raise ValueError("time takes seconds since 1970")
    now = app.console.uptime() // 1000
    # alerts tell the time of the bus's clock
    if app.clock:
        app.clock.read()
    app.epoch = s - (app.clock.s if app.clock else now), now
    if hasattr(app, "expires"):
        from .metering import expire

        expire(app, app.board.settings or ())
    app.console.rare("status", ())
