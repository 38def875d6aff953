# HMAC-SHA256 (RFC 2104) over what comes in pieces, and the key of a board.
import errno
import hashlib
from binascii import unhexlify

BLOCK = 64


class Hmac:
    def __init__(self, key):
        if len(key) > BLOCK:
            key = hashlib.sha256(key).digest()
        key = key + bytes(BLOCK - len(key))
        self.outer = bytes([byte ^ 0x5C for byte in key])
        self.inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in key]))
        self.update = self.inner.update

    # Only once: a board's SHA-256 ends with it.
    def digest(self):
        return hashlib.sha256(self.outer + self.inner.digest()).digest()


# Looks at every byte wherever the first difference is: the time it takes says nothing about it.
def same(a, b):
    if len(a) != len(b):
        return False
    different = 0
    for i in range(len(a)):
        different |= a[i] ^ b[i]
    return not different


# The board's key, a file of 64 hex digits: 32 bytes, None only where there is no such file: one that holds no key is an error.
def board_key(path="key"):
    try:
        with open(path, "rb") as file:
            text = file.read(80).strip()
    except OSError as error:
        if error.args[0] == errno.ENOENT:
            return None
        raise
    try:
        if len(text) == 64:
            return unhexlify(text)
    except ValueError:
        pass
    raise ValueError("this board's key file holds no key")
