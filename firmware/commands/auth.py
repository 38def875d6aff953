# auth MAC COMMAND: runs a command that this board takes only from who has its key. MAC: 32 hex digits, the first half of
# the HMAC-SHA256 over the last challenge's nonce, a space and the command's words. A nonce is used up by its first MAC.
from canbean.passing import passing

READS = True


def check(console, words):
    from binascii import hexlify

    from canbean import hmac

    nonce = getattr(console, "nonce", None)
    console.nonce = None
    key = hmac.board_key()
    if not key:
        raise ValueError("this board has no key")
    if not nonce or len(words) < 2:
        raise ValueError("ask for a challenge first, then: auth MAC COMMAND")
    mac = hmac.Hmac(key)
    mac.update(nonce + b" " + " ".join(words[1:]).encode())
    if not hmac.same(hexlify(mac.digest()[:16]), words[0].encode()):
        raise ValueError("the MAC does not fit: another key, or not the last challenge")
    if not words[1].isalpha():
        raise ValueError("this needs no key")


def run(app, words):
    check(app.console, words)
    # what has checked leaves the heap before the command comes
    passing(None)
    if not app.console.rare(words[1], words[2:]):
        raise ValueError("unknown command: " + words[1])
