# Settings used and kept; what may be set says checked.py.
from . import overlay
from .checked import METER


# Applies these settings, keeps them and says so; what cannot be applied is not kept.
def commit(app, lines):
    board = app.console.board
    if app.console.app == "safe":
        # nothing is there that they apply to
        overlay.write(lines)
    else:
        apply(app, lines, board.settings or ())
    board.settings = lines
    from .settings import say

    say(app, overlay)


def apply(app, lines, before):
    from . import load

    if app.console.app != "roastmeter":
        for line in lines:
            if line.split()[0] in METER:
                raise ValueError("a setting of roast meters: " + line[:40])
    try:
        load.apply(app, lines)
        overlay.write(lines)
    except Exception:
        load.apply(app, before)
        raise
