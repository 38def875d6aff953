# settings: a line `setting` for each, and `settings` at the end.
from . import overlay, setting

READS = True


def run(app, words):
    for line in overlay.read()[1]:
        name = line.split()[0]
        words = line[len(name) + 1 :]
        app.console.lines.send("setting", (("name", name), ("words", words)))
    setting.say(app)
