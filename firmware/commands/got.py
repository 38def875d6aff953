# `got N`: whoever reads the line has all alerts before line N. Programs send a packet instead (drivers/feed.py): it carries a
# check. Before the first replay it comes here.
READS = True


def run(app, words):
    lines = app.lines
    if not isinstance(words, bytes):
        lines.got(int(words[0]), False)
    elif len(words) == 10:
        # as in drivers/feed.py
        ours = b"%08x" % int.from_bytes(words[6:], "little") == lines.boot
        lines.got(int.from_bytes(words[2:6], "little") if ours else 0, words[1])
    else:
        raise ValueError("unknown packet")
