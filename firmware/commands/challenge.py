# challenge: a number that is used once, for `auth`; null where there is no key, and so no need of it.
import os
from binascii import hexlify

READS = True


def run(app, _):
    nonce = app.console.nonce = hexlify(os.urandom(16)) if "key" in os.listdir() else None
    app.console.lines.send("challenge", (("nonce", nonce and str(nonce, "ascii")),))
