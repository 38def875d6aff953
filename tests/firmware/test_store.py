"""The store of closed incidents: what is put in comes out, whatever was cut, and flash is not worn."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board.firmware import module
from command_cases import command


class Flash:
    """A file system of one file that loses power after so many written bytes; `None`: it never does."""

    def __init__(self):
        self.content = None
        self.left = None
        self.written = 0
        self.opened_for_writing = 0

    def open(self, path, mode):
        if self.content is None:
            if not mode.startswith("w"):
                raise OSError(2, "ENOENT")
            self.content = bytearray()
        self.opened_for_writing += mode != "rb"
        return Handle(self)


class Handle:
    def __init__(self, flash):
        self.flash = flash
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def seek(self, to, whence=0):
        self.at = to + (len(self.flash.content) if whence == 2 else 0)
        return self.at

    def read(self, size):
        data = bytes(self.flash.content[self.at : self.at + size])
        self.at += len(data)
        return data

    def write(self, data):
        flash = self.flash
        whole = flash.left is None or len(data) <= flash.left
        part = data if whole else data[: flash.left]
        flash.content[self.at : self.at + len(part)] = part
        self.at += len(part)
        flash.written += len(part)
        if not whole:
            flash.left = 0
            raise OSError("power cut")
        if flash.left is not None:
            flash.left -= len(data)
        return len(data)


class Board:
    """What the commands look at of a gateway."""

    def __init__(self, flash, boot="9f3a01c2"):
        self.said = []
        self.ms = 0
        self.flash = flash
        self.lines = SimpleNamespace(boot=boot.encode(), send=self.send)
        self.console = SimpleNamespace(uptime=lambda: self.ms, rare=self.rare)
        self.incident = self.epoch = self.due = None
        self.store = {}
        self.number = 0

    def send(self, kind, pairs):
        self.said.append((kind, json.loads("{" + module("lines").body(pairs) + "}")))

    def rare(self, name, what):
        command(name, open=self.flash.open).run(self, what)

    def close(self, bits=500, key=0x2C5, after_s=60):
        """An incident is over."""
        self.ms += 1000 * after_s
        self.number += 1
        gathered = command("incident")
        gathered.run(self, (self.number * 100, 7, key, "", ("timing", "", ""), bits, 100, self.number, 0))
        gathered.run(self, True)
        assert self.due == 0
        self.rare("store", None)

    def passes(self, seconds):
        self.ms += 1000 * seconds
        self.rare("store", [])

    @property
    def unstored(self):
        return self.store.get("unstored", 0)

    def listed(self, *words):
        self.said.clear()
        command("incidents", open=self.flash.open).run(self, [str(word) for word in words])
        return [values for kind, values in self.said if kind == "stored"], self.said[-1][1]


@pytest.fixture
def board():
    return Board(Flash())


def test_nothing_is_stored_yet(board):
    end = {"next": 1, "last": 0, "damaged": 0, "waiting": 0, "unstored": 0}
    assert board.listed() == ([], end)
    assert board.listed(7) == ([], end)


def test_what_is_put_in_comes_out(board):
    board.epoch = 1_764_000_000, 5
    for key in (0x2C5, 1 << 29 | 0x18DAF110, None):
        board.close(key=key)
    records, end = board.listed()
    assert end == {"next": 4, "last": 3, "damaged": 0, "waiting": 0, "unstored": 0}
    assert [record["record"] for record in records] == [1, 2, 3]
    assert [record["ids"] for record in records] == [["2C5"], ["18DAF110"], []]
    assert records[0] == {
        "record": 1,
        "skipped": 0,
        "of": "9f3a01c2",
        "clock": 1_764_000_000,
        "number": 1,
        "opened": 100.000007,
        "closed": 110.000007,
        "count": 1,
        "ids": ["2C5"],
        "more": 0,
        "kinds": ["timing"],
        "severity": "high",
    }
    assert board.listed(3)[0] == records[2:]
    assert board.listed(99) == ([], {**end, "next": 4})


def test_it_is_a_ring_and_told_in_slices(board):
    for _ in range(150):
        board.close()
    told, number = [], 1
    while True:
        records, end = board.listed(number)
        assert len(records) <= 16
        told += records
        number = end["next"]
        if number > end["last"]:
            break
    assert [record["record"] for record in told] == list(range(87, 151))
    assert len(board.flash.content) == 64 * 64


def test_it_survives_a_reset(board):
    board.close()
    after = Board(board.flash, "00000001")
    after.close()
    assert [record["of"] for record in after.listed()[0]] == ["9f3a01c2", "00000001"]


def test_one_write_a_minute(board):
    board.close()
    written, opened = board.flash.written, board.flash.opened_for_writing
    for bits in (110, 500, 110, 500):
        board.close(bits, after_s=10)
    # the first of the severe ones waits, the others are counted
    assert (board.flash.written, board.flash.opened_for_writing) == (written, opened)
    assert (board.unstored, board.listed()[1]["waiting"]) == (3, 1)
    assert board.due == 120
    board.passes(19)
    assert board.listed()[1]["waiting"] == 1
    board.passes(1)
    records, end = board.listed()
    assert (end["waiting"], end["unstored"]) == (0, 3)
    assert [(record["number"], record["skipped"]) for record in records] == [(1, 0), (3, 3)]
    assert board.flash.written == written + 64
    board.close()
    assert board.listed(3)[0][0]["skipped"] == 0


@pytest.mark.parametrize("part", ["store_pack", "store_file"])
def test_an_incident_that_finds_no_heap_is_counted_or_waits(board, part):
    def full(name, what):
        if name == part:
            raise MemoryError
        rare(name, what)

    rare, board.console.rare = board.console.rare, full
    with pytest.raises(MemoryError):
        board.close()
    board.console.rare = rare
    lost = part == "store_pack"
    assert (board.unstored, bool(board.store.get("waiting"))) == (int(lost), not lost)
    board.close()
    assert [(one["number"], one["skipped"]) for one in board.listed()[0]] == [(1 + lost, 1)]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 40), max_size=80))
def test_writes_are_rare_and_every_incident_is_stored_or_counted(pauses):
    board = Board(Flash())
    for pause in pauses:
        board.close(after_s=pause)
    assert board.flash.opened_for_writing <= 1 + sum(pauses) // 60
    stored = board.listed(1)[1]["last"]
    waiting = board.store.get("waiting") is not None
    assert stored + board.unstored + waiting == len(pauses)
    assert waiting == (board.due is not None)


@pytest.mark.parametrize("before", [0, 1, 5, 63, 64, 100])
def test_power_cut_at_every_byte(before):
    flash = Flash()
    board = Board(flash)
    for _ in range(before):
        board.close()
    content = None if flash.content is None else bytes(flash.content)
    flash.written = 0
    board.close()
    for cut in range(0, flash.written, 1 if before else 37):
        flash.content = None if content is None else bytearray(content)
        flash.left = cut
        cut_off = Board(flash)
        with pytest.raises(OSError, match="power cut"):
            cut_off.close()
        flash.left = None
        after = Board(flash, "00000002")
        numbers = whole_numbers(after)
        oldest = max(before - 63, 1)
        # the oldest record gives way to the one that was cut; all others are as they were
        assert numbers in (list(range(oldest, before + 1)), list(range(oldest + (before > 63), before + 1)))
        after.close()
        assert whole_numbers(after)[-1] == before + 1
        assert after.listed(before + 1)[0][0]["of"] == "00000002"
        # a cut while the file was made may have left a part of a record at its end
        assert 64 * 64 <= len(flash.content) < 64 * 65


def whole_numbers(board):
    number, found = 1, []
    while True:
        records, end = board.listed(number)
        found += [record["record"] for record in records]
        number = end["next"]
        if number > end["last"]:
            return found


@settings(max_examples=60)
@given(st.integers(0, 9), st.integers(0, 63), st.integers(1, 255))
def test_a_damaged_record_is_skipped_and_counted(which, at, change):
    flash = Flash()
    board = Board(flash)
    for _ in range(10):
        board.close()
    flash.content[64 * (which + 1) + at] ^= change
    records, end = board.listed()
    kept = [number for number in range(1, 11) if number != which + 1]
    assert [record["record"] for record in records] == kept
    # the newest one is as if it had never been written
    assert (end["last"], end["damaged"]) == ((9, 0) if which == 9 else (10, 1))


ON_VM = """
import os, sys
class Lines:
    boot = b"9f3a01c2"
    def send(self, kind, pairs):
        print(kind, *["%s=%s" % (key, str(v, "ascii") if isinstance(v, bytes) else v) for key, v in pairs])
class App:
    lines = Lines()
    epoch = 1700000000, 0
    incident = due = None
    store = {}
    class console:
        ms = 0
        @classmethod
        def uptime(cls):
            return cls.ms
        @staticmethod
        def rare(name, what):
            getattr(__import__("commands." + name), name).run(app, what)
app = App()
from commands import incident, store
for n in range(70):
    app.console.ms += 60000
    kind = ("timing", "relation", "dlc")[n % 3]
    key = None if n % 3 else n << 20
    incident.run(app, (1000000000 + n, n, key, "", (kind, "", ""), 50 * n, 100, n + 1, 0))
    incident.run(app, n & 1 == 1)
    store.run(app, None)
from commands import incidents
incidents.run(app, ["50"])
"""


def test_the_vm_stores_and_tells_the_same(vm, tmp_path):
    said = vm.run(ON_VM, cwd=tmp_path).splitlines()
    assert (tmp_path / "incidents").stat().st_size == 64 * 64
    stored = [line for line in said if line.startswith("stored ")]
    assert len(stored) == 16
    board = Board(Flash())
    board.epoch = 1_700_000_000, 0
    board.flash.content = bytearray((tmp_path / "incidents").read_bytes())
    records, _ = board.listed(50)
    assert [record["record"] for record in records] == list(range(50, 66))
    for record, line in zip(records, stored, strict=True):
        assert f"record={record['record']} " in line
        assert f"opened={record['opened']:.6f} closed={record['closed']:.6f} " in line
        assert line.endswith(f"severity={record['severity']}")
    assert said[-1] == "store next=66 last=70 damaged=0 waiting=0 unstored=0"
