# A model file: checked against its digest, and its signature where this board has a key, before anything in it is
# believed; then read section by section. The layout is in the host's canbean.tiny.cbm.
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
_VECTORS = const(8)


class Model:
    # `known` are the tags this application understands: META and GOLD, and what its detectors or regressors read.
    def __init__(self, path, app, known):
        try:
            self.file = open(path, "rb")
        except OSError:
            raise ValueError("no model file " + path)
        try:
            key = path[: path.rfind("/") + 1] + "key"
            try:
                os.stat(key)
            except OSError:
                key = None
            else:
                # one that cannot be read refuses every model
                from .hmac import board_key

                key = board_key(key)
            self._check(known, key)
            self.app = self._app()
            if self.app != app:
                raise ValueError("the model is for the application " + self.app + ", not " + app)
        except Exception:
            self.file.close()
            raise

    def _check(self, known, key):
        size = self.file.seek(0, 2)
        self.file.seek(0)
        head = self.file.read(_HEADER)
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
        self._verify(head, hashlib.sha256(name), end, key)
        self.sections = {}
        self.file.seek(_HEADER)
        at = _HEADER + count * _ENTRY
        for _ in range(count):
            entry = self.file.read(_ENTRY)
            tag = str(entry[:4], "ascii")
            offset, length = struct.unpack("<II", entry[4:])
            if offset != at or length > end - at:
                raise ValueError("section " + tag + " does not lie where it should")
            if tag in self.sections:
                raise ValueError("section " + tag + " stands twice")
            if tag not in known and "A" <= tag[0] <= "Z":
                raise ValueError("section " + tag + " needs another firmware")
            self.sections[tag] = (offset, length)
            at += length + 3 & ~3
        if at != end:
            raise ValueError("the model holds what belongs to no section")

    def _verify(self, head, name, end, key):
        sums = [hashlib.sha256(head), name]
        if key:
            from .hmac import Hmac, same

            mac = Hmac(key)
            mac.update(head)
            sums.append(mac)
        view = memoryview(bytearray(_CHUNK))
        left = end - _HEADER
        while left:
            n = self.file.readinto(view[: min(left, _CHUNK)])
            if not n:
                raise ValueError("the model cannot be read")
            for sum in sums:
                sum.update(view[:n])
            left -= n
        digest = self.file.read(_TRAILER)
        if digest != sums[0].digest():
            raise ValueError("the model is damaged: its digest differs")
        if key:
            mac.update(digest)
            if not same(mac.digest(), self.file.read(_TRAILER)):
                raise ValueError("the model is signed with another key")
        self.digest = str(hexlify(name.digest()[:8]), "ascii")

    def _app(self):
        # META is JSON without spaces, written by one packer; inside its strings a quote is escaped.
        meta = self.read("META")
        start = meta.find(b'"app":"') + 7
        end = meta.find(b'"', start)
        if start < 7 or end < 0:
            raise ValueError("the model names no application")
        return str(meta[start:end], "ascii")

    def size(self, tag):
        if tag not in self.sections:
            raise ValueError("the model has no section " + tag)
        return self.sections[tag][1]

    def read(self, tag):
        return self.part(tag, 0, self.size(tag))

    def part(self, tag, start, length):
        if start + length > self.size(tag):
            raise ValueError("section " + tag + " is too short")
        self.file.seek(self.sections[tag][0] + start)
        return self.file.read(length)

    def golden(self):
        # Golden vectors, one at a time: the input's bytes and the answers.
        (count,) = struct.unpack("<H", self.part("GOLD", 0, 2))
        if count > _VECTORS:
            raise ValueError("section GOLD holds too many vectors")
        at = 4
        for _ in range(count):
            size, answers = struct.unpack("<HH", self.part("GOLD", at, 4))
            given = self.part("GOLD", at + 4, size)
            at += 4 + (size + 3 & ~3)
            yield given, struct.unpack("<%di" % answers, self.part("GOLD", at, 4 * answers))
            at += 4 * answers

    def close(self):
        self.file.close()
