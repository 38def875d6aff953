# `again N`: the alerts that are kept, from line N on, once more; those before are acknowledged.
READS = True


def run(app, words):
    app.lines.got(int(words[0]) if words else 0, True)
