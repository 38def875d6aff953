"""Models and settings sent to the virtual board: used, refused, gone back from; safe mode; the key."""

import hashlib
import os
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from canbean.board import Board, VirtualBoard, firmware, settings, update
from canbean.can import attacks, simulate
from canbean.cli.alarms import line_of, run_on_board
from canbean.detect.model import pack
from canbean.detect.replay import replay
from canbean.detect.rules import Rules
from canbean.errors import BoardError, ModelError, RefusedError
from canbean.tiny import cbm
from model_cases import KEY, small
from tune_cases import THRESHOLD, car, learned

pytestmark = pytest.mark.usefixtures("vm")

OLD, NEW, NEWEST = (
    cbm.Model({**small("FPRN").sections, "note": word * 9}) for word in (b"old", b"new", b"three")
)
OTHER = bytes(reversed(KEY))


def refused(model=NEW):
    """A whole model whose golden frames are answered otherwise by a board."""
    gold = bytearray(model.sections["GOLD"])
    gold[-4] ^= 1
    return cbm.Model({**model.sections, "GOLD": bytes(gold)})


def runs(board):
    return board.hello["model"]


def name_of(model):
    return cbm.digest(cbm.pack(model))[:16]


@pytest.fixture
def on(tmp_path):
    """A virtual board with a model and its line."""
    boards = []

    def start(model=OLD, key=None, heap="48wK", app="gateway", cup=()):
        cbm.write(tmp_path / "m.cbm", model, key)
        virtual = VirtualBoard(tmp_path / "m.cbm", app, heap=heap, key=key, cup=cup)
        virtual.start()
        boards.append(virtual)
        board = Board(virtual.port)
        boards.append(board)
        return virtual, board

    yield start
    for one in reversed(boards):
        one.close()


def reason(board):
    """Of the next error."""
    return next(str(one.values["reason"]) for one in board.records() if one.values["type"] == "error")


def restart(board):
    before = board.lines.boot
    board.command("restart")
    update.greeting(board, before)


def send(board, model, key=None):
    update.send_model(board, cbm.pack(model, key), "x.cbm", key)


def test_models_go_from_slot_to_slot(on):
    virtual, board = on()
    # that of the start, where nothing else was set
    assert settings.read(board).slot == "model.cbm"
    steps = []
    update.send_model(board, cbm.pack(NEW), "x.cbm", progress=steps.append)
    assert runs(board) == name_of(NEW)
    assert steps == sorted(steps)
    assert sorted(path.name for path in virtual.folder.glob("*.cbm")) == ["a.cbm", "model.cbm"]
    for model, slot in ((NEWEST, "b.cbm"), (OLD, "a.cbm")):
        send(board, model)
        assert runs(board) == name_of(model)
        assert settings.read(board).slot == slot
    assert board.hello["golden"] == "ok"
    # any of them can be gone back to
    update.ask(board, "set slot model.cbm", "settings")
    restart(board)
    assert (runs(board), board.refusal) == (name_of(OLD), None)


@pytest.mark.parametrize("app", ["roastmeter", "model"])
def test_every_application_takes_models(on, app):
    kinds = {"roastmeter": ("POLY", "KNNS"), "model": ("FRST", "GMIX")}[app]
    _, board = on(small(kinds[0]), app=app)
    send(board, small(kinds[1]))
    assert (runs(board), board.hello["golden"]) == (name_of(small(kinds[1])), "ok")
    with pytest.raises(ModelError, match="and the board runs"):
        send(board, OLD)


def test_a_model_that_the_board_refuses_is_gone_back_from(on):
    virtual, board = on()
    reason = "a golden frame is answered differently here: the model is refused"
    for before in (OLD, NEWEST):
        if before is NEWEST:
            send(board, NEWEST)
        with pytest.raises(BoardError, match=rf"refuses x\.cbm: {reason}; its model is {name_of(before)}"):
            send(board, refused())
        assert (runs(board), board.hello["golden"]) == (name_of(before), "ok")
        # it goes on saying so
        restart(board)
        assert reason in board.refusal
    # both files are of no use, the one that came with the board is
    for slot in "ab":
        (virtual.folder / f"{slot}.cbm").write_bytes(b"")
    restart(board)
    assert board.hello["golden"] == "failed"
    assert "not a canbean model" in board.refusal
    send(board, NEW)
    assert (runs(board), board.hello["golden"]) == (name_of(NEW), "ok")


def test_a_model_that_another_application_left_is_not_told_of(on):
    virtual, board = on()
    send(board, NEW)
    cbm.write(virtual.folder / "b.cbm", small("POLY"))
    update.ask(board, "set slot b.cbm", "settings")
    restart(board)
    assert (runs(board), settings.read(board).slot) == (name_of(NEW), "a.cbm")
    board.refusal = None
    assert board.ask("hello", "hello").values["golden"] == "ok"
    assert board.refusal is None


def test_a_model_of_another_sensor_names_what_both_have(on):
    own, other = (
        cbm.Model(
            {
                **small("POLY").sections,
                "META": cbm.encode_meta({"app": "roastmeter", "channels": [[name, 0] for name in names]}),
            }
        )
        for names in (("red", "infrared"), ("red", "green", "blue", "clear"))
    )
    _, board = on(own, app="roastmeter", cup=(31000, 81000, 436))
    assert board.hello["golden"] == "ok", board.refusal
    with pytest.raises(
        BoardError,
        match=r"the board refuses x\.cbm: this model reads red, green, blue, clear; the fed sensor here gives red, infrared, temperature; its model is",
    ):
        send(board, other)


def test_what_is_no_file_is_refused_and_nothing_changes(on):
    virtual, board = on()
    blob = cbm.pack(NEW)
    for command in ("put", "put model 3", "put model x " + "0" * 64, "put model 0 " + "0" * 64, "put car 3 " + "0" * 64,
                    "put settings 1025 " + "0" * 64, "put model 262145 " + "0" * 64, "put model 3 0"):  # fmt: skip
        with pytest.raises(BoardError, match="the board answers 'put' with"):
            board.ask(command, "put")
    board.ask(f"put model {len(blob)} {hashlib.sha256(b'').hexdigest()}", "put")
    board.write(b"".join(update.part(blob, at) for at in range(0, len(blob), update.PART)))
    assert reason(board) == "what came is not what was said: send it again"
    assert board.ask("status", "status").values["frames"] == 0
    # one that was broken off gives way to the next
    board.ask(f"put model {len(blob)} {'0' * 64}", "put")
    board.write(update.part(blob, 0))
    settings.write(board, settings.Settings((("threshold", "5"),)))
    with pytest.raises(BoardError, match="no such setting: nothing 1"):
        settings.write(board, settings.Settings((("nothing", "1"),)))
    with pytest.raises(BoardError, match="which model runs is not set so"):
        settings.write(board, settings.Settings((("slot", "b.cbm"),)))
    assert settings.read(board).lines == (("threshold", "5"),)
    # frames are taken again
    _, said = run_on_board_of(board, virtual, simulate.drive(2, 1))
    assert said["frames"] > 100
    board = Board(virtual.port)
    send(board, NEW)
    assert runs(board) == name_of(NEW)
    board.close()


def run_on_board_of(board, virtual, frames):
    board.close()
    return run_on_board(virtual.port, frames, None, None)


@pytest.mark.parametrize("seed", range(3))
def test_packets_and_answers_that_are_lost(on, monkeypatch, seed):
    _, board = on()
    dice = random.Random(seed)
    part, read = update.part, board.read

    def lossy(content, at):
        lost = dice.random() < 0.3
        return b"\x07noise\0" if lost else part(content, at)

    def deaf():
        return [one for one in read() if "got" not in one.values or one.values["done"] or dice.random() < 0.6]

    board.ask("status", "status")
    monkeypatch.setattr(update, "part", lossy)
    monkeypatch.setattr(update, "QUIET_S", 0.03)
    ask = board.ask
    monkeypatch.setattr(
        board,
        "ask",
        lambda *words: (setattr(board, "read", read), ask(*words), setattr(board, "read", deaf))[1],
    )
    send(board, NEW)
    assert runs(board) == name_of(NEW)


def test_thresholds_and_lists_hold_as_if_the_model_had_been_tuned(on):
    drive, _ = attacks.inject_all(simulate.drive(40, 9), ("fuzz", "replay"), seed=1, duration_s=3.0)
    ids = [f"{one:03X}" for one in np.unique(drive.id)[:4]]
    own = Rules.parse([f"{ids[0]}"], [f"{ids[1]}#x0"])
    site = Rules.parse([f"{ids[1]}", "7FF"], [f"{ids[2]}#0x", f"{ids[0]}#1x"])
    known = replace(learned(), gateway=replace(learned().gateway, rules=own))
    packed = pack(known, {"name": "car", "data": "simulated"})
    virtual, board = on(packed, heap="128wK")
    for more in (-120, 160):
        wanted = settings.Settings().tuned(more, site)
        now = settings.write(board, wanted)
        assert now.threshold_bits == (THRESHOLD + more) / 16
        assert now.rules_in_use == len(own.joined(site))
        lines, _ = run_on_board_of(board, virtual, drive)
        expected = replace(
            known.gateway,
            rules=own.joined(site),
            fingerprint=replace(known.gateway.fingerprint, threshold=THRESHOLD + more),
        )
        raised = [line_of(alert) for alert in replay(expected, drive).alerts if alert.kind != "missing"]
        assert [shorn(line) for line in lines if b'"missing"' not in line] == list(map(shorn, raised))
        assert len(raised) > 20
        board = Board(virtual.port)
    settings.write(board, settings.Settings())
    lines, _ = run_on_board_of(board, virtual, drive)
    assert lines == [line_of(alert) for alert in replay(known.gateway, drive).alerts]


def shorn(line):
    """An alert without its incident and what was dropped: other alerts decide on them."""
    return line.split(b',"incident"')[0]


def test_silences_follow_the_threshold(on):
    known = learned()
    quiet = simulate.drive(20, 3)
    key = int(known.gateway.fingerprint.keys[3])
    quiet = quiet[(quiet.key != key) | (quiet.t_us < 8_000_000)]
    virtual, board = on(car(), heap="128wK")
    found = {}
    for more in (-100, 0, 200):
        settings.write(board, settings.Settings().tuned(more, Rules()))
        lines, _ = run_on_board_of(board, virtual, quiet)
        mine = [line for line in lines if b'"missing"' in line and f"{key:03X}".encode() in line]
        found[more] = float(mine[0].split(b'"t":')[1].split(b",")[0]) if mine else None
        board = Board(virtual.port)
    assert found[-100] <= found[0] <= found[200]
    settings.write(board, settings.Settings().tuned(0, Rules.parse([f"{key:03X}"])))
    lines, _ = run_on_board_of(board, virtual, quiet)
    assert not [line for line in lines if b'"missing"' in line and f"{key:03X}".encode() in line]


def test_no_threshold_falls_under_the_floor(on):
    _, board = on(car(), heap="128wK")
    assert (
        settings.write(board, settings.Settings((("threshold", "-1024"),))).threshold_bits
        == settings.FLOOR / 16
    )
    assert settings.write(board, settings.Settings((("threshold", "1024"),))).threshold_bits == 64


def test_settings_that_do_not_fit_a_new_model_do_not_stop_it(on):
    _, board = on(car(), heap="128wK")
    many = Rules.parse([f"{i:03X}" for i in range(60)])
    settings.write(board, settings.Settings().tuned(0, many))
    ruled = replace(
        learned(),
        gateway=replace(learned().gateway, rules=Rules.parse(deny=["700", "701", "702", "703", "704"])),
    )
    model = pack(ruled, {"name": "ruled", "data": "simulated"})
    send(board, model)
    assert (runs(board), board.hello["golden"]) == (name_of(model), "ok")
    assert "settings: 65 rules" in board.refusal
    assert settings.read(board).rules_in_use == 5


def crash(virtual, board):
    """Switch the board off and on as after an error: the same files, a new VM."""
    board.close()
    virtual._stop()
    os.close(virtual._slave)
    virtual._switch_on()
    return Board(virtual.port)


def test_safe_mode_after_three_starts_that_fail(on):
    virtual, board = on()
    assert (virtual.folder / "boot").read_text() == "1"
    for count in "23":
        board = crash(virtual, board)
        assert board.hello["app"] == "gateway"
        assert (virtual.folder / "boot").read_text() == count
    board = crash(virtual, board)
    assert (board.hello["app"], board.hello["golden"]) == ("safe", "failed")
    assert board.refusal.startswith("safe mode: three starts in a row failed; the last: no reason known")
    assert board.ask("status", "status").values["errors"] == 0
    # it takes updates, and starts with them
    send(board, NEW)
    assert (board.hello["app"], runs(board)) == ("gateway", name_of(NEW))
    board.close()


def test_why_a_start_failed_is_said_in_safe_mode(on):
    virtual, board = on()
    board.close()
    virtual._stop()
    app = virtual.folder / "apps" / "gateway.mpy"
    kept = app.read_bytes()
    broken = b"def main(board):\n    raise ValueError('broken here')\n"
    app.write_bytes(firmware._compile("apps/gateway.py", broken, None))
    for _ in range(2):
        os.close(virtual._slave)
        with pytest.raises(BoardError, match="ValueError: broken here"):
            virtual._switch_on()
    os.close(virtual._slave)
    virtual._switch_on()
    board = Board(virtual.port)
    assert board.hello["app"] == "safe"
    assert "the last: ValueError: broken here" in board.refusal
    app.write_bytes(kept)
    restart(board)
    assert (board.hello["app"], board.hello["golden"]) == ("gateway", "ok")
    board.close()


def test_with_a_key_a_board_takes_nothing_from_who_does_not_have_it(on):
    virtual, board = on()
    update.set_key(board, KEY)
    assert (virtual.folder / "key").read_text() == KEY.hex()
    before = contents(virtual)
    blob = cbm.pack(NEW, KEY)
    commands = [
        "set threshold 3", "unset threshold", "key none", "key " + OTHER.hex(), "restart", "reset", "feed", "quit",
        f"put model {len(blob)} {hashlib.sha256(blob).hexdigest()}", "put settings 3 " + "0" * 64, "refused x", "auth",
        "auth 00 set threshold 3", "auth " + "0" * 32 + " restart", "overlay", "boot", "crash", "lists",
    ]  # fmt: skip
    for command in commands:
        with pytest.raises(BoardError, match=r"with: |has a key|has another key"):
            board.ask(command, "settings", 2)
    for command in commands[:8]:
        with pytest.raises(BoardError, match="the MAC does not fit"):
            update.ask(board, command, "settings", OTHER)
    assert contents(virtual) == before
    # reading goes on
    assert board.ask("status", "status").values["frames"] == 0
    assert settings.read(board).lines == ()
    board.write(update.part(blob, 0))
    assert reason(board) == "unknown packet"


def contents(virtual):
    return {
        path.relative_to(virtual.folder): path.read_bytes()
        for path in virtual.folder.rglob("*")
        if path.is_file() and path.name != "stderr"
    }


def test_with_the_key_it_takes_everything(on):
    virtual, board = on(key=KEY)
    assert update.ask(board, "set threshold 3", "settings", KEY).values["count"] == 1
    assert settings.write(board, settings.Settings((("threshold", "4"),)), KEY).threshold == 4
    send(board, NEW, KEY)
    assert runs(board) == name_of(NEW)
    with pytest.raises(ModelError, match="not signed"):
        update.send_model(board, cbm.pack(NEWEST), "x.cbm", KEY)
    for blob in (cbm.pack(NEWEST), cbm.pack(NEWEST, OTHER)):
        with pytest.raises(BoardError, match="not signed with this board's key"):
            update.put(board, "model", blob, KEY)
    update.set_key(board, OTHER, KEY)
    with pytest.raises(BoardError, match="the MAC does not fit"):
        update.set_key(board, None, KEY)
    update.set_key(board, None, OTHER)
    assert not (virtual.folder / "key").exists()
    assert update.ask(board, "unset threshold", "settings").values["count"] == 1
    assert settings.read(board).slot == "a.cbm"


def test_a_nonce_counts_once(on):
    _, board = on(key=KEY)
    nonce = board.ask("challenge", "challenge").values["nonce"]
    assert len(nonce) == 32
    assert nonce != board.ask("challenge", "challenge").values["nonce"]
    with pytest.raises(BoardError, match="the MAC does not fit"):
        board.ask(f"auth {update.mac(KEY, nonce, 'set threshold 3')} set threshold 3", "settings")
    nonce = board.ask("challenge", "challenge").values["nonce"]
    command = f"auth {update.mac(KEY, nonce, 'set threshold 3')} set threshold 3"
    # a MAC of another command uses it up
    with pytest.raises(BoardError, match="the MAC does not fit"):
        board.ask(command + "0", "settings")
    with pytest.raises(BoardError, match="ask for a challenge first"):
        board.ask(command, "settings")
    nonce = board.ask("challenge", "challenge").values["nonce"]
    command = f"auth {update.mac(KEY, nonce, 'set threshold 3')} set threshold 3"
    assert board.ask(command, "settings").values["count"] == 1
    with pytest.raises(BoardError, match="ask for a challenge first"):
        board.ask(command, "settings")


def test_every_key_that_the_readme_lists(on):
    text = (Path(update.__file__).parent / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z]+)` \| `([a-z_ ]+)` \|$", text, re.MULTILINE))
    _, board = on()
    said = {"put": board.ask(f"put settings 3 {'0' * 64}", "put")}
    said["settings"] = board.ask("set threshold 3", "settings")
    board.command("settings")
    said["setting"] = next(one for one in board.records() if one.values["type"] == "setting")
    said["key"] = board.ask(f"key {KEY.hex()}", "key")
    said["challenge"] = board.ask("challenge", "challenge")
    for kind, record in said.items():
        assert list(record.values)[3:-1] == listed[kind].split(), kind


def test_safe_mode_can_be_asked_for(on):
    _, board = on(key=KEY)
    with pytest.raises(BoardError, match="this board has a key: give it with --key FILE"):
        update.restart(board, safe=True)
    update.restart(board, KEY, safe=True)
    assert (board.hello["app"], board.refusal) == ("safe", "safe mode: asked for")
    update.restart(board, KEY)
    assert (board.hello["app"], board.hello["golden"]) == ("gateway", "ok")


def test_a_board_that_has_no_room_does_it_in_safe_mode(on):
    virtual, board = on()
    done = []

    def work():
        done.append(board.hello["app"])
        if len(done) == 1:
            raise BoardError(
                "x: the board answers 'set' with: memory allocation failed, allocating 320 bytes"
            )
        return update.ask(board, "set threshold 5", "settings").values["threshold"]

    assert update.with_room(board, work) is None
    assert done == ["gateway", "safe"]
    assert settings.read(board).threshold == 5
    assert settings.read(board).threshold_bits is not None
    assert not (virtual.folder / "settings0").exists()
    with pytest.raises(BoardError, match="no such setting"):
        update.with_room(board, lambda: update.ask(board, "set nothing 1", "settings"))
    assert board.hello["app"] == "gateway"


def test_a_model_that_a_new_start_refuses_is_said(on):
    """A key was set while it ran: what a change of settings needs a new start for is done, and not with rc 0."""
    _, board = on()
    update.set_key(board, KEY)
    tried = []

    def work():
        tried.append(1)
        if len(tried) == 1:
            raise BoardError("x: the board answers 'set' with: memory allocation failed")
        settings.change(board, "set threshold 8", KEY)

    with pytest.raises(
        RefusedError,
        match=r"done, but the board started anew and refuses the model that it ran: the model is not signed, .*model sign M\.cbm",
    ):
        update.with_room(board, work, KEY)
    assert settings.read(board).threshold == 8
    # one that ran nothing before has lost nothing
    tried.clear()
    update.with_room(board, work, KEY)
    send(board, NEW, KEY)
    assert (runs(board), board.hello["golden"]) == (name_of(NEW), "ok")


def test_a_slot_that_a_new_start_leaves_is_said_once(on):
    virtual, board = on()
    send(board, NEW)
    (virtual.folder / "a.cbm").write_bytes(b"CBM1")
    for again in (False, True):
        ran, remembered = runs(board), update.left(board)
        restart(board)
        if again:
            update.runs_still(board, ran, remembered)
        else:
            with pytest.raises(
                RefusedError, match=rf"the board refuses a\.cbm: .*; its model is {name_of(OLD)}"
            ):
                update.runs_still(board, ran, remembered)
