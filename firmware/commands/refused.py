# The model was refused. If it is one that was sent, the one before it gets its turn, in a new start with a heap that is
# clean; the settings remember why: the other slot's, that of the file system, that of the ROMFS. If that one is refused as
# well, the board stays on the line.
import os

from . import overlay
from .crash import held


def run(app, reason):
    console = app.console
    board = console.board
    if console.model or board.slot == "model.cbm":
        raise ValueError("the model is not refused")
    before = board.refused
    if not before:
        for other in ("b.cbm" if board.slot == "a.cbm" else "a.cbm", "model.cbm", "/rom/model.cbm"):
            if other != board.slot and there(other):
                lines = [line for line in board.settings or () if line.split()[0] != "slot"]
                reason = "".join([c for c in reason if " " <= c <= "~"])[:100]
                overlay.write(lines + ["slot " + other, "refused %s: %s" % (board.slot, reason)])
                held()
                board.reset()
    console.refused = reason + ("; " + before if before else "")


def there(path):
    try:
        return os.stat(path)
    except OSError:
        return None
