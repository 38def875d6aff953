# quit: ends the application, on a machine that can start it again.
def run(app, _):
    if app.console.board.NAME != "linux":
        raise ValueError("a board does not end: restart")
    raise EOFError
