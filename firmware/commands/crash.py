# A start that fails, and one that holds (boot.py).
import os


# Why the last start failed, as far as that is known.
def reason():
    try:
        with open("boot") as file:
            return file.read()[1:]
    except (OSError, ValueError):
        # not whole
        return ""


# After an error that nobody caught.
def failed(board, error):
    try:
        with open("boot", "rb") as file:
            count = file.read(1)
        with open("boot", "wb") as file:
            file.write(count + ("%s: %s" % (type(error).__name__, str(error)[:100])).encode())
    except OSError:
        pass
    board.reset(error)


# This start is none that failed.
def held():
    try:
        os.remove("boot")
    except OSError:
        pass
