# reset: alerts are counted from here, and the detectors know of nothing that was.
def run(app, _):
    watch = getattr(app, "watch", None)
    if not watch:
        raise ValueError("there is nothing to reset")
    app.lines.reset()
    watch.reset()
