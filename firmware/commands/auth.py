# auth MAC COMMAND: runs a command that this board takes only from who has its key. MAC: 32 hex digits, the first half of
# the HMAC-SHA256 over the last challenge's nonce, a space and the command's words. A nonce is used up by its first MAC.
from binascii import hexlify

from canbean.hmac import Hmac, board_key, same

READS = True


def run(app, words):
    console = app.console
    nonce = getattr(console, "nonce", None)
    console.nonce = None
    key = board_key()
    if not key:
        raise ValueError("this board has no key")
    if not nonce or len(words) < 2:
        raise ValueError("ask for a challenge first, then: auth MAC COMMAND")
    mac = Hmac(key)
    mac.update(nonce + b" " + " ".join(words[1:]).encode())
    if not same(hexlify(mac.digest()[:16]), words[0].encode()):
        raise ValueError("the MAC does not fit: another key, or not the last challenge")
    if not words[1].isalpha():
        raise ValueError("this needs no key")
    __import__("commands." + words[1], None, None, ("run",)).run(app, words[2:])
