# challenge: a number that is used once, for `auth`.
import os
from binascii import hexlify

READS = True


def run(app, _):
    nonce = app.console.nonce = hexlify(os.urandom(16))
    app.console.lines.send("challenge", (("nonce", str(nonce, "ascii")),))
