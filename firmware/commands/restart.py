# restart [safe]: starts the application anew; `safe`: the serial line alone, with a heap that has room for any command.
from .crash import held


def run(app, words):
    held()
    if words == ["safe"]:
        with open("boot", "wb") as file:
            file.write(b"3asked for")
    app.console.board.reset()
