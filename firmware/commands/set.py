# set NAME WORDS: keeps a setting and applies it at once; the answer is a line `settings`.
from canbean.passing import passing


def run(app, words):
    from . import checked, overlay

    lines = checked.added(overlay.read()[1], words, app.console.app)
    # what has checked leaves the heap before the rest comes
    checked = overlay = None
    passing(None)
    from .setting import commit

    commit(app, lines)
