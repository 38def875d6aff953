# The Tonino's serial protocol, which Artisan speaks: a word in capitals, answered by WORD:NUMBERS. What is not done is not
# answered, and nothing else is said from TONINO on until a command of ours.
from canbean.decimal import text

READS = True
# As long as the host may take from TONINO to its next word without waiting for the answer.
WAIT_MS = 100


def run(app, words):
    if not words or len(words) > 1:
        if not app.tonino:
            raise ValueError("unknown command: " + " ".join(words))
        return
    word = words[0]
    if word == "TONINO":
        app.tonino = True
        app.every = 0
        # one that has taken boot chatter for the answer scans at once: what came now would be taken for that scan's
        ticks_ms = app.board.ticks_ms
        start = ticks_ms()
        app.console.wait(WAIT_MS)
        if ticks_ms() - start & 0x3FFFFFFF < WAIT_MS - 10:
            return
        answer = "1 0 1"
    elif word == "SCAN":
        # no digit where there is nothing to fill in
        answer = scan(app, lambda score: str(score + 128 >> 8))
    elif word == "I_SCAN":
        answer = scan(app, lambda score: text(score * 625 >> 4, -4))
    # the internal value is that of our scale already
    elif word == "GETCAL":
        answer = "1.000000 0.000000"
    elif word == "GETSCALING":
        answer = "0.000000 0.000000 1.000000 0.000000"
    else:
        if not app.tonino:
            raise ValueError("unknown command: " + word)
        return
    app.lines.write((word + ":" + answer + "\n").encode())


def scan(app, of):
    app.readings += 1
    app.fed = False
    return app.quality if app.score is None else of(app.score)
