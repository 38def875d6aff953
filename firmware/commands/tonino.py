# The Tonino's serial protocol, which Artisan speaks: a word in capitals, answered by WORD:NUMBERS. What is not done is not
# answered, and nothing else is said from the first of them on until a command of ours.
from canbean import const
from canbean.decimal import text

READS = True
_GREET = const(50)  # milliseconds from TONINO to its answer, in which another word takes its place
_SETTLE = const(1500)  # most that a scan waits for a reading: Artisan waits 2 s


def run(app, words):
    word = words[0] if len(words) == 1 else ""
    console = app.console
    # one who took boot chatter for the greeting scans at once, and would take that for the scan's answer
    console.idle = None
    if word == "TONINO":
        app.every = 0
        later(app, lambda ms: ms > _GREET and "TONINO:1 0 1")
    elif word == "SCAN" or word == "I_SCAN":
        later(
            app, lambda ms: (ms > _SETTLE or app.quality != "not settled") and word + ":" + scanned(app, word)
        )
        console.idle()
    elif word == "GETCAL":
        # the internal value is that of our scale already: slope, intercept
        say(app, "GETCAL:1.000000 0.000000")
    elif word == "GETSCALING":
        say(app, "GETSCALING:0.000000 0.000000 1.000000 0.000000")
    elif console.upper < 2:
        raise ValueError("unknown command: " + " ".join(words))


# Says what `of` milliseconds has to say, as soon as it has something.
def later(app, of):
    console = app.console
    start = console.uptime()

    def idle():
        answer = of(console.uptime() - start)
        if answer:
            console.idle = None
            say(app, answer)

    console.idle = idle
    console.pause = min(console.pause, _GREET)


# No digit where there is nothing to fill in.
def scanned(app, word):
    app.readings += 1
    app.fed = False
    score = app.score
    if score is None:
        return app.quality
    return str(score + 128 >> 8) if word == "SCAN" else text(score * 625 >> 4, -4)


def say(app, answer):
    app.lines.write((answer + "\n").encode())
