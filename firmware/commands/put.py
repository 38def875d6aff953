# put model|settings SIZE SHA256: takes a file in packets, reads it back, and uses it from then on: a model from the slot
# that does not run, after which the board starts anew; settings at once. A model that the ROMFS holds need not come.
#
# packet  u8 3, u24 offset, 1..56 bytes; little-endian
#
# The answer is a line `put` with the bytes that are there: at the start, after every fourth packet, at the end, and where
# a packet is missing. `done` is true when the file is in use.
import hashlib
import os
from binascii import hexlify

from canbean import const
from canbean.passing import passing

_EVERY = const(224)
_MOST = const(262144)
ROM = "/rom/model.cbm"


class Put:
    def __init__(self, app, what, size, digest):
        self.app = app
        self.console = console = app.console
        self.size = size
        self.digest = digest
        self.path = "settings.new"
        if what == "model":
            # not the one that runs
            self.path = "b.cbm" if console.board.slot == "a.cbm" else "a.cbm"
        self.file = open(self.path, "wb")
        self.got = 0
        self.gap = -1
        self.before = console.link.on_packet
        console.link.on_packet = self.packet
        self.say()

    def say(self, done=False):
        self.console.lines.send("put", (("got", self.got), ("done", done)))

    def stop(self):
        self.file.close()
        self.console.put = None
        self.console.link.on_packet = self.before

    def packet(self, b, i, end):
        size = end - i - 4
        if b[i] != 3 or size < 1:
            self.before(b, i, end)
            return
        offset = b[i + 1] | b[i + 2] << 8 | b[i + 3] << 16
        if offset != self.got or offset + size > self.size:
            # said once for each time that the host sends again
            if self.gap < 0 or offset <= self.gap:
                self.say()
            self.gap = offset
        else:
            self.gap = -1
            try:
                self.file.write(memoryview(b)[i + 4 : end])
                self.got += size
                if self.got == self.size:
                    self.finish()
                elif not self.got % _EVERY:
                    self.say()
            except Exception:
                self.stop()
                raise

    def finish(self):
        self.stop()
        try:
            check(self.path, self.size, self.digest)
            if self.path[0] == "s":
                use_settings(self.app, self.path)
                self.say(True)
            else:
                use_model(self.path)
                self.say(True)
                self.console.board.reset()
        finally:
            passing(None)


# Reads a file back, against the digest that was said before it came; a model also against this board's key.
def check(path, size, digest):
    mac = None
    if path[0] != "s" and "key" in os.listdir():
        from canbean import hmac

        mac = hmac.Hmac(hmac.board_key())
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while size > 0:
            part = file.read(min(size, 128))
            if not part:
                break
            whole.update(part)
            if mac:
                mac.update(part[: max(size - 32, 0)])
            size -= len(part)
        if str(hexlify(whole.digest()), "ascii") != digest:
            raise ValueError("what came is not what was said: send it again")
        if mac:
            file.seek(-32, 2)
            if not hmac.same(mac.digest(), file.read(32)):
                raise ValueError("the model is not signed with this board's key")


# Whether the ROMFS holds that very model: then it need not come.
def in_rom(size, digest):
    try:
        if os.stat(ROM)[6] == size:
            check(ROM, size, digest)
            return True
    except (OSError, ValueError):
        pass
    return False


def use_model(path):
    from . import overlay
    from .crash import held

    lines = [line for line in overlay.read()[1] if line.split()[0] not in ("slot", "refused")]
    overlay.write(lines + ["slot " + path])
    # a new model has three starts of its own
    held()


def use_settings(app, path):
    from . import checked, overlay

    with open(path) as file:
        new = file.read().split("\n")
    os.remove(path)
    before = overlay.read()[1]
    lines = [line for line in before if line.split()[0] in ("slot", "refused")]
    for line in new:
        if line[:5] == "slot ":
            raise ValueError("which model runs is not set so")
        if line:
            lines = checked.added(lines, line.split(), "safe" if line in before else app.console.app)
    checked = overlay = None
    passing(None)
    from .setting import commit

    commit(app, lines)


def run(app, words):
    if len(words) != 3 or words[0] not in ("model", "settings") or len(words[2]) != 64:
        raise ValueError("put model|settings SIZE SHA256")
    size = int(words[1])
    if not 0 < size <= (_MOST if words[0] == "model" else 1024):
        raise ValueError("a file of %d bytes does not fit" % size)
    console = app.console
    if getattr(console, "put", None):
        console.put.stop()
    if words[0] == "model" and in_rom(size, words[2]):
        use_model(ROM)
        console.lines.send("put", (("got", size), ("done", True)))
        console.board.reset()
        return
    console.put = Put(app, words[0], size, words[2])
