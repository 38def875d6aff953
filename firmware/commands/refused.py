# The model was refused. If it is one that was sent, the one before it gets its turn, in a new start with a heap that is
# clean; the settings remember why. If that one is refused as well, the board stays on the line.
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
        here = os.listdir()
        for other in ("b.cbm" if board.slot == "a.cbm" else "a.cbm", "model.cbm"):
            if other in here:
                lines = [line for line in board.settings if line.split()[0] != "slot"]
                reason = "".join([c for c in reason if " " <= c <= "~"])[:100]
                overlay.write(lines + ["slot " + other, "refused %s: %s" % (board.slot, reason)])
                held()
                board.reset()
    console.refused = reason + ("; " + before if before else "")
