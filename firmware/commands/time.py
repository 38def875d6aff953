# `time S`: the host says what time it is, in seconds since 1970. Answered by the status.


def run(app, words):
    s = int(words[0])
    if not 0 < s < 1 << 32:
        raise ValueError("time takes seconds since 1970")
    app.epoch_at = app.console.uptime() // 1000
    app.epoch = s - app.seconds()
    app.console.commands["status"](None)
