# unset NAME [WORD]: forgets settings; of a list one entry or all.
from . import overlay, setting


def run(app, words):
    lines = overlay.read()[1]
    kept = [line for line in lines if not words or line.split()[: len(words)] != words]
    if len(kept) == len(lines):
        raise ValueError("nothing of that is set: " + " ".join(words)[:40])
    setting.commit(app, kept)
