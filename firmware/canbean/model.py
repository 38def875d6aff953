# A model file: checked against its digest before anything in it is believed, then read section by section.
import hashlib
import struct
from binascii import hexlify

VERSION = 1
ARITHMETIC = 1
FIRMWARE = 1
HEADER = 16
ENTRY = 12
TRAILER = 32
SECTIONS = 16
CHUNK = 256


class Model:
    # `known` are the tags this application understands: META and GOLD, and what its detectors or regressors read.
    def __init__(self, path, app, known):
        try:
            self.file = open(path, "rb")
        except OSError:
            raise ValueError("no model file " + path)
        try:
            self._check(known)
            self.app = self._app()
        except ValueError:
            self.file.close()
            raise
        if self.app != app:
            self.file.close()
            raise ValueError("the model is for the application " + self.app + ", not " + app)

    def _check(self, known):
        size = self.file.seek(0, 2)
        self.file.seek(0)
        head = self.file.read(HEADER)
        if len(head) < HEADER or head[:4] != b"CBM1":
            raise ValueError("not a canbean model")
        version, arithmetic, firmware, count, length = struct.unpack("<HHHHI", head[4:])
        if version != VERSION or arithmetic != ARITHMETIC or firmware > FIRMWARE:
            raise ValueError("the model needs another firmware")
        if length != size or count > SECTIONS or size < HEADER + count * ENTRY + TRAILER:
            raise ValueError("the model is cut or longer than it says")
        self.digest = self._digest(size)
        self.sections = {}
        self.file.seek(HEADER)
        for _ in range(count):
            entry = self.file.read(ENTRY)
            tag = str(entry[:4], "ascii")
            offset, length = struct.unpack("<II", entry[4:])
            if offset & 3 or offset < HEADER or offset + length > size - TRAILER:
                raise ValueError("section " + tag + " lies outside the model")
            if tag in self.sections:
                raise ValueError("section " + tag + " stands twice")
            if tag not in known and "A" <= tag[0] <= "Z":
                raise ValueError("section " + tag + " needs another firmware")
            self.sections[tag] = (offset, length)

    def _digest(self, size):
        self.file.seek(0)
        sha = hashlib.sha256()
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        left = size - TRAILER
        while left:
            n = self.file.readinto(view[: min(left, CHUNK)])
            if not n:
                raise ValueError("the model cannot be read")
            sha.update(view[:n])
            left -= n
        digest = sha.digest()
        if self.file.read(TRAILER) != digest:
            raise ValueError("the model is damaged: its digest differs")
        return str(hexlify(digest[:8]), "ascii")

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
        at = 4
        for _ in range(count):
            size, answers = struct.unpack("<HH", self.part("GOLD", at, 4))
            given = self.part("GOLD", at + 4, size)
            at += 4 + (size + 3 & ~3)
            yield given, struct.unpack("<%di" % answers, self.part("GOLD", at, 4 * answers))
            at += 4 * answers

    def close(self):
        self.file.close()
