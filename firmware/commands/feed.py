# feed: takes the frames of one replay over the line, on a board whose key would else forbid it.
def run(app, _):
    if app.locked:
        app.locked = 3
        app.replay()
