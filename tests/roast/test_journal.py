"""The journal: whatever a killed process leaves, every whole record is there."""

import errno
import io

import pytest

from canbean.errors import FileError, PairsError
from canbean.roast import journal
from canbean.roast.journal import Journal

RECORDS = [{"pair": k, "lot": "Kenya \u2603 " + "x" * k} for k in range(6)]


@pytest.fixture
def written(tmp_path):
    kept = Journal(tmp_path / "j")
    for record in RECORDS:
        kept.append(record)
    return tmp_path / "j"


def test_records_come_back(written):
    assert Journal(written).records == RECORDS
    assert not Journal(written).cut


def test_cut_at_every_byte_it_has_the_records_before_and_goes_on(written, tmp_path):
    content = written.read_bytes()
    ends = [k + 1 for k, byte in enumerate(content) if byte == 10]
    for size in range(len(content) + 1):
        path = tmp_path / "cut"
        path.write_bytes(content[:size])
        opened = Journal(path)
        whole = sum(end <= size for end in ends)
        assert opened.records == RECORDS[:whole]
        assert opened.cut == (size > 0 and size not in ends)
        opened.append({"after": size})
        assert Journal(path).records == [*RECORDS[:whole], {"after": size}]


@pytest.mark.parametrize("at", [3, 40])
def test_a_changed_byte_is_named(written, at):
    content = bytearray(written.read_bytes())
    content[at] ^= 1
    written.write_bytes(content)
    line = content[:at].count(b"\n") + 1
    with pytest.raises(PairsError, match=f"j, line {line}: "):
        Journal(written)


def test_another_session_is_noticed(written):
    ours, other = Journal(written), Journal(written)
    other.append({"theirs": 1})
    with pytest.raises(FileError, match="another session"):
        ours.append({"ours": 1})
    assert Journal(written).records[-1] == {"theirs": 1}


def test_a_full_disk_loses_nothing(written, monkeypatch):
    ours = Journal(written)
    ours.append({"long": "x" * 50})

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(ours.path), "open", lambda path, *_, **__: Full(path, "ab"))
    with pytest.raises(FileError, match="cannot write: No space"):
        ours.append({"lost": 1})
    monkeypatch.undo()
    assert Journal(written).records == ours.records
    ours.append({"after": 1})
    assert Journal(written).records[-2:] == [{"long": "x" * 50}, {"after": 1}]


def test_each_record_is_synced_before_it_counts(tmp_path, monkeypatch):
    ours, calls = Journal(tmp_path / "j"), []
    monkeypatch.setattr(journal.os, "fsync", lambda handle: calls.append(list(ours.records)))
    ours.append({"a": 1})
    # the file before the record is ours, then the folder that holds its name
    assert calls == [[], []]
