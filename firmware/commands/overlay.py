# The settings: what was set on this board, beside its model. A small text file, a setting a line, numbered and with
# its own digest. Of two copies the older one is written, so that a power cut leaves one that is whole.
#
# sequence N
# NAME WORDS ...
# digest: 16 hex digits of the SHA-256 of all before
import hashlib
from binascii import hexlify

from canbean import const

_MOST = const(1024)
_TAIL = const(24)


def _digest(text):
    return hexlify(hashlib.sha256(text).digest()[:8])


# -> number, lines, digest; 0 where the file is not there or not whole
def _load(path):
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            text = file.read(min(size, _MOST + 1))
        body = text[:-_TAIL]
        digest = _digest(body)
        if text[-_TAIL:] == b"digest " + digest + b"\n":
            lines = str(body, "ascii").split("\n")
            return int(lines[0][9:]), lines[1:-1], str(digest, "ascii")
    except (OSError, ValueError):
        pass
    return 0, [], None


# The newest settings that are whole: -> number, lines, digest (0, [], None: there are none).
def read():
    found = _load("settings0")
    other = _load("settings1")
    return other if other[0] > found[0] else found


# Replaces all settings by `lines`, or raises and leaves them as they are.
def write(lines):
    number = read()[0] + 1
    text = ("sequence %d\n" % number + "".join([line + "\n" for line in lines])).encode()
    text += b"digest " + _digest(text) + b"\n"
    if len(text) > _MOST:
        raise ValueError("these settings take %d bytes, a board holds %d" % (len(text), _MOST))
    path = "settings%d" % (number & 1)
    with open(path, "wb") as file:
        file.write(text)
    if _load(path)[0] != number:
        raise OSError("the settings could not be written")


# All that stands after the name of a setting, or `otherwise`.
def value(lines, name, otherwise=None):
    for line in lines:
        if line.startswith(name + " "):
            return line[len(name) + 1 :]
    return otherwise
