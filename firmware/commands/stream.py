# stream MS|colortrack|off: a line `reading` for each reading of the sensor, at least MS milliseconds apart; or `87.0`, as
# ColorTrack's serial line has it. Until the next start; a setting of this name holds after it too.
READS = True


def run(app, words):
    if not hasattr(app, "expires"):
        raise ValueError("unknown command: stream")
    word = words[0] if len(words) == 1 else ""
    if word == "colortrack":
        app.every = -1
    elif word == "off":
        app.every = 0
    elif word.isdigit() and 0 < len(word) < 8 and int(word):
        app.every = int(word)
    else:
        raise ValueError("stream MS|colortrack|off")
