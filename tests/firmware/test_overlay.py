"""The settings of a board: two copies with a number and a digest each, and what may stand in them."""

import json

import pytest

WRITE = """
import json, sys
from commands import overlay
for lines in json.load(open(sys.argv[1])):
    try:
        overlay.write(lines)
    except Exception as error:
        print(json.dumps(str(error)))
print(json.dumps(overlay.read()))
"""
READ = """
import json
from commands import overlay

def kept(path):
    with open(path, "rb") as file:
        return file.read()

newest = kept("settings1")
said = []
for k in range(len(newest)):
    for torn in (newest[:k], newest[:k] + bytes((newest[k] ^ 1,)) + newest[k + 1 :], newest[:k] + b"\\xff" * (len(newest) - k)):
        with open("settings1", "wb") as file:
            file.write(torn)
        found = overlay.read()
        if found not in said:
            said.append(found)
print(json.dumps(said))
"""
SET = """
import json, sys
from commands import checked
lines = []
said = []
for text in json.loads(sys.argv[1]):
    try:
        lines = checked.added(lines, text.split(), "safe")
    except ValueError as error:
        said.append(str(error))
print(json.dumps([lines, said]))
"""


def written(vm, folder, *lists):
    (folder / "lists.json").write_text(json.dumps(lists))
    said = vm.run(WRITE, "lists.json", cwd=folder)
    return [json.loads(line) for line in said.splitlines()]


def test_the_last_ones_written_are_read_and_the_ones_before_are_there_too(vm, tmp_path):
    assert written(vm, tmp_path) == [[0, [], None]]
    for n in range(1, 5):
        number, lines, digest = written(vm, tmp_path, [f"threshold {n}"])[-1]
        assert (number, lines) == (n, [f"threshold {n}"])
        assert len(digest) == 16
        assert f"digest {digest}\n" in (tmp_path / f"settings{n % 2}").read_text()
    assert "threshold 3" in (tmp_path / "settings1").read_text()


def test_a_copy_that_is_not_whole_is_none(vm, tmp_path):
    written(vm, tmp_path, ["threshold 1"], ["allow 2C5", "threshold -300"], ["threshold 3"])
    said = json.loads(vm.run(READ, cwd=tmp_path))
    assert [one[:2] for one in said] == [[2, ["allow 2C5", "threshold -300"]]]


def test_more_than_a_board_holds(vm, tmp_path):
    many = [f"allow {i:03X}#00112233445566" for i in range(60)]
    reason, found = written(vm, tmp_path, ["threshold 1"], many)
    assert "a board holds 1024" in reason
    assert found[:2] == [1, ["threshold 1"]]


def test_what_is_set(vm):
    texts = [
        "threshold 8", "allow 2c5", "bitrate 250000", "deny 2C5", "deny 18FEF100/1FFFFF00#0.", "threshold -8",
        "listen 0", "transmit 1", "alertid 2016", "allow *#00..ff", "slot b.cbm",
    ]  # fmt: skip
    lines, said = json.loads(vm.run(SET, json.dumps(texts)))
    assert said == []
    assert lines == [
        "bitrate 250000", "deny 2C5", "deny 18FEF100/1FFFFF00#0.", "threshold -8", "listen 0", "transmit 1",
        "alertid 2016", "allow *#00..FF", "slot b.cbm",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "threshold", "threshold x", "threshold 1025", "threshold 1 2", "bitrate 0", "listen 2", "allow", "allow *", "allow 2C",
        "allow 2C5 3", "allow 2C5/", "allow 2C5/1/2", "allow 800", "allow -12", "allow 2C5/FFF", "allow FFFFFFFF", "deny 2C5#0",
        "deny 2C5##", "deny 2C5#001122334455667788", "deny 2C5#x0", "slot c.cbm", "slot", "refused a.cbm", "sequence 3", "digest 00",
        "alertid 536870912", "timing", "nothing 1", "allow 2C5/\u20ac",
    ],
)  # fmt: skip
def test_what_is_no_setting(vm, text):
    lines, said = json.loads(vm.run(SET, json.dumps([text])))
    assert lines == []
    assert len(said) == 1
