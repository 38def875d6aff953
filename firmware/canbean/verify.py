# The check of a model file, before anything in it is believed: against its digest, its signature where this board has a key,
# and what this firmware and its application understand. It leaves the heap before the model is read.
import hashlib
import os
import struct
from binascii import hexlify

from . import const

_VERSION = const(1)
_ARITHMETIC = const(1)
_FIRMWARE = const(1)
_HEADER = const(16)
_ENTRY = const(12)
_TRAILER = const(32)
_SECTIONS = const(16)
_CHUNK = const(256)


# -> offset and length of each section, digest
def verified(file, path, app, known):
    key = path[: path.rfind("/") + 1] + "key"
    try:
        os.stat(key)
    except OSError:
        key = None
    else:
        # one that cannot be read refuses every model
        from .hmac import board_key

        key = board_key(key)
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(_HEADER)
    if len(head) < _HEADER or head[:4] != b"CBM1":
        raise ValueError("not a canbean model")
    version, arithmetic, firmware, count, signed, length = struct.unpack("<HHHBBI", head[4:])
    if version != _VERSION or arithmetic != _ARITHMETIC or firmware > _FIRMWARE or signed > 1:
        raise ValueError("the model needs another firmware")
    end = size - (_TRAILER << signed)
    if length != size or count > _SECTIONS or end < _HEADER + count * _ENTRY:
        raise ValueError("the model is cut or longer than it says")
    if key and not signed:
        raise ValueError("the model is not signed, and this board has a key")
    # a model's name is the digest of its unsigned file
    name = head[:10] + struct.pack("<HI", count, end + _TRAILER)
    digest = summed(file, head, hashlib.sha256(name), end, key)
    # in one function, which takes less heap than two
    sections = {}
    file.seek(_HEADER)
    at = _HEADER + count * _ENTRY
    for _ in range(count):
        entry = file.read(_ENTRY)
        tag = str(entry[:4], "ascii")
        start, length = struct.unpack("<II", entry[4:])
        if start != at or length > end - at:
            raise ValueError("section " + tag + " does not lie where it should")
        if tag in sections:
            raise ValueError("section " + tag + " stands twice")
        sections[tag] = (start, length)
        at += length + 3 & ~3
    if at != end:
        raise ValueError("the model holds what belongs to no section")
    # META is JSON without spaces, written by one packer; inside its strings a quote is escaped.
    if "META" not in sections:
        raise ValueError("the model has no section META")
    start, length = sections["META"]
    file.seek(start)
    meta = file.read(length)
    start = meta.find(b'"app":"') + 7
    end = meta.find(b'"', start)
    if start < 7 or end < 0:
        raise ValueError("the model names no application")
    named = str(meta[start:end], "ascii")
    if named != app:
        raise ValueError("the model is for the application " + named + ", not " + app)
    for tag in sections:
        # tags, or a text of tags
        if (tag not in known or " " in tag) and "A" <= tag[0] <= "Z":
            raise ValueError("section " + tag + " needs another firmware")
    return sections, digest


# The digest of the file, which `name` has the beginning of.
def summed(file, head, name, end, key):
    sums = [hashlib.sha256(head), name]
    if key:
        from . import hmac

        mac = hmac.Hmac(key)
        mac.update(head)
        sums.append(mac)
    view = memoryview(bytearray(_CHUNK))
    left = end - _HEADER
    while left:
        n = file.readinto(view[: min(left, _CHUNK)])
        if not n:
            raise ValueError("the model cannot be read")
        for sum in sums:
            sum.update(view[:n])
        left -= n
    digest = file.read(_TRAILER)
    if digest != sums[0].digest():
        raise ValueError("the model is damaged: its digest differs")
    if key:
        mac.update(digest)
        if not hmac.same(mac.digest(), file.read(_TRAILER)):
            raise ValueError("the model is signed with another key")
    return str(hexlify(name.digest()[:8]), "ascii")
