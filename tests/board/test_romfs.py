"""ROMFS images: read back, as mpremote makes them, aligned, damaged; and the gateway's firmware imported from one by the real VM."""

import contextlib
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpremote.romfs import make_romfs

from canbean.board import firmware
from canbean.board.flash import files, partition, romfs
from canbean.board.profiles import profile
from canbean.detect import board_cost
from canbean.detect.model import unpack
from canbean.errors import BoardError
from canbean.tiny import cbm

NAMES = st.text("abcdefgh_.0", min_size=1, max_size=9).filter(lambda name: name.strip("."))
FILES = st.dictionaries(
    # a folder is never called as a file is
    st.builds(lambda folders, name: "/".join([*("in_" + one for one in folders), name + ".mpy"]),
              st.lists(NAMES, max_size=2), NAMES),
    st.binary(max_size=300),
    max_size=8,
)  # fmt: skip


@given(FILES, st.booleans())
def test_what_is_read_is_what_was_written(content, aligned):
    assert romfs.read(romfs.image(content, aligned=aligned)) == content


@given(FILES)
def test_every_file_begins_at_a_word(content):
    # found by what no other byte of an image is
    marked = {name: b"\xfe\xfd\xfc\xfb" + bytes([at]) for at, name in enumerate(content)}
    blob = romfs.image(marked)
    for one in marked.values():
        assert blob.index(one) % romfs.ALIGN == 0


def test_as_mpremote_makes_it(tmp_path):
    chance = random.Random(4)
    content = {
        f"{folder}{name}": chance.randbytes(chance.choice((0, 1, 127, 128, 20_000)))
        for folder in ("", "canbean/", "lib/deep/")
        for name in ("__init__.mpy", "a.mpy", "texts")
    }
    for name, one in content.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(one)
    with contextlib.redirect_stdout(None):
        theirs = make_romfs(str(tmp_path), mpy_cross=False)
    assert romfs.image(content, aligned=False) == theirs
    assert romfs.read(theirs) == content


@given(st.data())
def test_damaged_images(data):
    blob = bytearray(romfs.image({"a/b.mpy": bytes(40), "c": b"text"}))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BoardError):
        romfs.read(bytes(blob[: data.draw(st.integers(0, len(blob)))]))


def test_what_is_no_image():
    with pytest.raises(BoardError, match="here: not a ROMFS"):
        romfs.read(b"\xd2\xcd", "here")
    with pytest.raises(BoardError, match="longer than"):
        romfs.read(romfs.image({"a": b"abc"})[:-1])
    with pytest.raises(ValueError, match="a is a file too"):
        romfs.image({"a": b"", "a/b": b""})


def test_the_vm_imports_the_gateway_from_it(vm, tmp_path):
    made = files.build(profile("wemos-d1-mini"), "gateway", None, None).in_romfs()
    assert sorted(made.files) == ["main.py"]
    (tmp_path / "image").write_bytes(made.rom)
    done = vm.run(
        """
import os, sys, vfs
with open("image", "rb") as file:
    image = file.read()
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path[:] = ["/rom"]
from apps import gateway
from canbean import lines
print(gateway.main, lines.__file__, os.listdir("/rom"))
with open("/rom/canbean/lines.mpy", "rb") as file:
    print(memoryview(file)[:2] == b"M\\x06")
""",
        cwd=tmp_path,
    )
    assert "/rom/canbean/lines.mpy" in done
    assert str(sorted(files.ROOMS)) in done
    assert done.endswith("True\n")


def test_a_model_that_fits_with_a_romfs_alone(monkeypatch):
    car = cbm.read(Path(__file__).parents[1] / "golden" / "gateway.cbm")
    wemos = profile("wemos-d1-mini")
    heap = board_cost.ram_bytes(unpack(car, "car"), romfs=True)
    monkeypatch.setattr(firmware, "profile", lambda name: replace(profile(name), heap_left=heap))
    with pytest.raises(BoardError, match="board flash --romfs"):
        files.build(wemos, "gateway", car, None)
    assert files.build(wemos, "gateway", car, None, rom=True).in_romfs().rom


class Board:
    """A REPL on this Python, with a `vfs` whose ROMFS is a block device, or memory without an erasable block."""

    port = "here"

    def __init__(self, device):
        self.memory = bytearray(b"\xff" * 10_000)
        self.names = {"print": self.say, "vfs": self}
        self.device = device

    def say(self, what):
        self.said += f"{what}\n"

    def run(self, code):
        self.said = ""
        exec(code.replace("import vfs", "pass"), self.names)
        return self.said

    def umount(self, _):
        raise OSError(19)

    def rom_ioctl(self, what, _which=0, at=0, more=None):
        if what == 2:
            return Blocks(self.memory) if self.device else memoryview(self.memory)
        if what == 3:
            # only as a whole, from the start
            assert more is None  # the length is the third
            self.memory[:] = b"\xff" * len(self.memory)
            return 2048
        if what == 4:
            assert len(more) % 2048 == 0 or at + len(more) > 8192
            self.memory[at : at + len(more)] = more
        return {1: 1, 6: -1}.get(what, 0)


class Blocks(bytearray):
    def __init__(self, memory):
        super().__init__(memory)
        self.memory = memory

    def ioctl(self, what, block):
        if what == 6:
            self.memory[block * 1000 : block * 1000 + 1000] = self[block * 1000 : block * 1000 + 1000] = (
                b"\xff" * 1000
            )
        return {4: 10, 5: 1000}.get(what, 0)

    def writeblocks(self, block, content, at):
        at += block * 1000
        self.memory[at : at + len(content)] = self[at : at + len(content)] = content


@pytest.mark.parametrize("device", [False, True])
def test_a_partition_of_another_kind(device):
    board = Board(device)
    there = partition.find(board)
    assert there == partition.Partition(10_000, 1000 if device else 10_000)
    image = romfs.image({"a": random.Random(5).randbytes(4100)})
    assert partition.missing(board, there, image) == (list(range(0, len(image), 1000)) if device else [0])
    partition.write(board, there, image, partition.missing(board, there, image), lambda done: None)
    assert board.memory[: len(image)] == image
    assert partition.missing(board, there, image) == []
    # a bit that turned over
    board.memory[2500] ^= 1
    partition.find(board)
    assert partition.missing(board, there, image) == ([2000] if device else [0])
    with pytest.raises(BoardError, match=r"takes 10,0.. bytes of ROMFS and the board has 10,000"):
        partition.missing(board, there, romfs.image({"a": bytes(10_000)}))


def test_no_partition():
    class Old(Board):
        def rom_ioctl(self, *_):
            return -19

    assert partition.find(Old(False)) is None
