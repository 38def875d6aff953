# `got N`: whoever reads the line has all alerts before line N. Programs send a packet instead (drivers/feed.py): it carries a check.


def run(app, words):
    app.lines.got(int(words[0]), False)
