# set NAME WORDS: keeps a setting and applies it at once; the answer is a line `settings`.
from . import overlay, setting


def run(app, words):
    setting.commit(app, setting.added(overlay.read()[1], words))
