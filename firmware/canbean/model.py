# A model file, read section by section once its check (verify.py) has found it whole, and signed where this board has a key.
# The layout is in the host's canbean.tiny.cbm.
import struct

from . import const

_VECTORS = const(8)


class Model:
    # `known` are the tags this application understands: META and GOLD, and what its detectors or regressors read.
    def __init__(self, path, app, known):
        from .verify import verified

        try:
            self.file = open(path, "rb")
        except OSError:
            raise ValueError("no model file " + path)
        try:
            self.sections, self.digest = verified(self.file, path, app, known)
        except Exception:
            self.file.close()
            raise
        self.app = app
        try:
            # a file of a ROMFS lies in flash as it is
            self.memory = memoryview(self.file)  # type: ignore[arg-type]
        except TypeError:
            self.memory = None

    def size(self, tag):
        if tag not in self.sections:
            raise ValueError("the model has no section " + tag)
        return self.sections[tag][1]

    def read(self, tag):
        return self.place(tag, 0, self.size(tag))

    def part(self, tag, start, length):
        return bytes(self.place(tag, start, length))

    # The same where it lies, if that is in flash: it takes no heap. Numbers of several bytes are made from a copy, for an
    # array of a view is one of its bytes.
    def place(self, tag, start, length):
        if start + length > self.size(tag):
            raise ValueError("section " + tag + " is too short")
        start += self.sections[tag][0]
        if self.memory:
            return self.memory[start : start + length]
        self.file.seek(start)
        return self.file.read(length)

    # The same, of a section that is long enough, into the bytes of a view.
    def into(self, tag, start, view):
        self.file.seek(self.sections[tag][0] + start)
        self.file.readinto(view)

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
