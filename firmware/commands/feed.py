# feed: takes frames over the line from now on, on a board whose key would else forbid it.
def run(app, _):
    app.locked = False
