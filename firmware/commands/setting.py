# Settings used and kept; what may be set says checked.py.
from . import overlay


# Applies these settings, keeps them and says so; what cannot be applied is not kept.
def commit(app, lines):
    board = app.console.board
    before = board.settings or ()
    if overlay.value(lines, "led") != overlay.value(before, "led"):
        # what was calibrated in another light is worth nothing now
        lines = [line for line in lines if line[:12] != "calibration " or line not in before]
    if app.console.app == "safe":
        # nothing is there that they apply to
        overlay.write(lines)
    else:
        apply(app, lines, before)
    board.settings = lines
    from .settings import say

    say(app, overlay)


def apply(app, lines, before):
    from . import load

    try:
        load.apply(app, lines)
        overlay.write(lines)
    except Exception:
        load.apply(app, before)
        raise
