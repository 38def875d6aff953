"""The roast meter on the virtual board: joined for its model, its sensor told what to measure."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from canbean.board import Board, VirtualBoard, settings, update
from canbean.board.roastmeter import open_meter, read_any
from canbean.errors import BoardError
from canbean.roast import simulate
from canbean.roast.fit import fit
from canbean.tiny import cbm
from model_cases import small
from roastmeter_cases import KIT, SHOWN, model, regressor

pytestmark = pytest.mark.usefixtures("vm")
KEYS = ["t", "value", "low", "high", "degree", "quality", "stale", "raw", "counts", "celsius"]
CUP = (39000, 81667)
AT = 30 * 16


@pytest.fixture(scope="module")
def on(tmp_path_factory):
    """A calibrated meter."""
    path = tmp_path_factory.mktemp("meter") / "m.cbm"
    cbm.write(path, model())
    with VirtualBoard(path, "roastmeter", heap="2M") as virtual, Board(virtual.port) as board:
        yield board


@pytest.fixture
def meter(on):
    """As it comes, but for its calibration."""
    on.command("stream off")
    calibrate(on, KIT)
    return on


def calibrate(board, calibration):
    update.ask(board, f"set calibration {calibration.words()}", "settings")


def sense(board, *numbers):
    board.command("sense " + " ".join(map(str, numbers)))
    return board.ask("read", "reading").values


def expected(counts, celsius16):
    """What the host makes of a cup."""
    milli = KIT.apply(np.array([counts]), np.array([celsius16]))[0].tolist()
    raw = [*milli, celsius16 * 25 + 2 >> 2]
    score = int(regressor().predict([raw])[0])
    half = int(SHOWN.half(score))
    words = [SHOWN.scale.words(s) for s in (score, max(score - half, 0), min(score + half, 150 * 256))]
    return [*map(float, words), SHOWN.scale.degree(score), raw]


def test_a_cup_is_read_as_the_host_reads_it(meter):
    for counts in (CUP, (30000, 60000), (60000, 130000), (21000, 50000)):
        for celsius16 in (AT, 20 * 16 + 3, 44 * 16):
            said = sense(meter, *counts, celsius16)
            assert list(said)[3:-1] == KEYS
            assert [said[key] for key in ("value", "low", "high", "degree", "raw")] == expected(
                counts, celsius16
            )
            assert (said["quality"], said["counts"]) == ("ok", list(counts))
            assert said["celsius"] == celsius16 / 16


def test_why_there_is_no_value(meter):
    for counts, quality in (
        ((9100, 15200), "empty"),
        ((11000, 15200), "dirty window"),
        ((262143, 81667), "saturated"),
    ):
        said = sense(meter, *counts, 25 * 16)
        assert said["quality"] == quality
        assert [said[key] for key in ("value", "low", "high", "degree")] == [None] * 4
    update.ask(meter, "unset calibration", "settings")
    said = sense(meter, *CUP, AT)
    assert (said["quality"], said["value"], said["stale"]) == ("not calibrated", None, None)


def test_a_calibration_grows_stale(meter):
    assert sense(meter, *CUP, AT)["stale"] is None
    day = 86400
    made = (KIT.date.toordinal() - 719163) * day
    for told, stale in (
        (made, False),
        (made + 180 * day, False),
        (made + 181 * day, True),
        (made - 2 * day, True),
    ):
        meter.ask(f"time {told + 3600}", "status")
        assert sense(meter, *CUP, AT)["stale"] is stale
    meter.ask(f"time {made}", "status")
    # far from the temperature at which it was made
    assert sense(meter, *CUP, 46 * 16)["stale"] is True
    assert sense(meter, *CUP)["stale"] is False


def test_a_sample_is_told_before_the_sensor_goes_on(meter):
    assert sense(meter, *CUP, AT)["quality"] == "ok"
    meter.command("sample 8000 15000 2500")
    time.sleep(0.2)
    said = meter.ask("read", "reading").values
    assert (said["raw"], said["counts"], said["celsius"]) == ([8000, 15000, 2500], None, None)
    end = time.monotonic() + 60
    while said["counts"] is None and time.monotonic() < end:
        said = meter.ask("read", "reading").values
    assert said["counts"] == list(CUP)


def lines(board, count):
    """The next readings that come by themselves."""
    found, end = [], time.monotonic() + 60
    while len(found) < count and time.monotonic() < end:
        found += [record.values for record in board.read() if record.values["type"] == "reading"]
    return found


def test_a_stream_and_its_end(meter):
    sense(meter, *CUP, AT)
    meter.command("stream 50")
    # a line's time is when it was written: on a busy machine that may be after its reading by some time, and once again
    apart = []
    while not any(apart) and len(apart) < 5:
        found = lines(meter, 4)
        assert [said["counts"] for said in found] == [list(CUP)] * 4
        times = [said["t"] for said in found]
        apart.append(all(later - sooner >= 0.05 for sooner, later in itertools.pairwise(times)))
    assert any(apart), times
    meter.command("stream off")
    meter.ask("status", "status")
    time.sleep(0.2)
    assert [record.values["type"] for record in meter.read()] == []
    for wrong in ("stream", "stream 0", "stream x", "stream -5", "stream 5 6"):
        with pytest.raises(BoardError, match=r"stream MS\|colortrack\|off"):
            meter.ask(wrong, "reading")


def raw(board, until, seconds=60.0):
    """Bytes of the line until some stand there."""
    data, end = b"", time.monotonic() + seconds
    while until not in data and time.monotonic() < end:
        data += board._receive()
    return data


def test_colortrack_lines_are_numbers_with_a_point(meter):
    value = sense(meter, *CUP, AT)["value"]
    meter.command("stream colortrack")
    data = raw(meter, b"%.1f\n%.1f\n%.1f\n" % (value, value, value))
    assert data.count(b"%.1f\n" % value) >= 3
    # nothing on an empty window
    meter.command("sense 9100 15200 400")
    raw(meter, b"never", 0.3)
    assert raw(meter, b"never", 0.5) == b""
    meter.command("stream off")


def test_a_meter_says_what_it_is(meter):
    sense(meter, *CUP, AT)
    said = meter.ask("hello", "hello").values
    assert list(said)[-3:-1] == ["sensor", "unit"]
    assert (said["sensor"], said["unit"]) == ("fed sensor", "kitchen")
    update.ask(meter, "unset calibration", "settings")
    assert meter.ask("hello", "hello").values["unit"] is None


def test_settings_hold_after_a_restart(meter):
    value = sense(meter, *CUP, AT)["value"]
    for line in ("stream 100", "swap 1", "baud 57600"):
        update.ask(meter, f"set {line}", "settings")
    update.restart(meter)
    said = settings.read(meter)
    assert dict(said.lines) == {"calibration": KIT.words(), "stream": "100", "swap": "1", "baud": "57600"}
    meter.command(f"sense {CUP[0]} {CUP[1]} {AT}")
    assert [one["value"] for one in lines(meter, 2)] == [value] * 2
    for name in ("stream", "swap", "baud"):
        update.ask(meter, f"unset {name}", "settings")
    for wrong, why in (
        ("calibration 2026-11-01 kitchen 400 1 0 0 0", "the calibration cannot be"),
        ("calibration today kitchen 400 1 1 0 0", "no date such as"),
        ("swap 2", "swap: 0 to 1"),
        ("baud 5", "baud: 1200 to 921600"),
        ("stream fast", "stream MS"),
    ):
        with pytest.raises(BoardError, match=why):
            update.ask(meter, f"set {wrong}", "settings")
    assert dict(settings.read(meter).lines) == {"calibration": KIT.words()}
    assert sense(meter, *CUP, AT)["value"] == value


def test_what_cannot_be_sensed_is_said(meter):
    for wrong, why in (
        ("sense 1", "sense takes 2 counts"),
        ("sense 1 2 3 4", "sense takes 2 counts"),
        ("sense 1 262144", "a sensor counts from 0 to 262143"),
        ("sense 1 -1", "a sensor counts from 0 to 262143"),
        ("sense 1 2 9999", "1/16 degrees are from -800 to 2400"),
        ("sense 1 x", "invalid syntax"),
    ):
        with pytest.raises(BoardError, match=why):
            meter.ask(wrong, "reading")
    meter.ask("read", "reading")


def test_a_meter_of_raw_counts_needs_no_calibration(tmp_path):
    cbm.write(tmp_path / "m.cbm", model(calibrated=False, shown=None))
    with VirtualBoard(tmp_path / "m.cbm", "roastmeter") as virtual, Board(virtual.port) as board:
        said = sense(board, 20000, 60000)
        score = int(regressor(calibrated=False).predict([[20000, 60000]])[0])
        assert said["value"] == (score * 10 + 128 >> 8) / 10
        assert (said["quality"], said["low"], said["degree"], said["stale"]) == ("ok", None, None, None)
        assert said["raw"] == said["counts"] == [20000, 60000]
        heap = board.ask("status", "status").values["heap_free"]
        for n in range(40):
            board.command(f"sense {20000 + n} 60000")
            board.ask("read", "reading")
        assert board.ask("status", "status").values["heap_free"] >= heap - 256


def test_a_calibration_does_not_depend_on_the_model(tmp_path):
    """Counts on a calibrated unit, whichever decimals the file had that they were fitted on; it can be calibrated again."""
    counted = simulate.pairs(8)
    assert counted.decimals == (0, 0, 4)
    cbm.write(tmp_path / "m.cbm", fit(counted, models=["ridge"]).model)
    with VirtualBoard(tmp_path / "m.cbm", "roastmeter", heap="64wK") as virtual, Board(virtual.port) as board:
        before = sense(board, *CUP, AT)
        for _ in range(2):
            calibrate(board, KIT)
            said = sense(board, *CUP, AT)
            assert (said["value"], said["raw"]) == (before["value"], [*CUP, 3000])
        other = replace(KIT, channels=KIT.channels * 2)
        calibrate(board, other)
        assert sense(board, *CUP, AT)["quality"] == "ok"


def test_why_a_model_is_refused_is_not_what_the_running_one_says(tmp_path):
    """A model of counts on a calibrated unit has a note of its own at every start."""
    cbm.write(tmp_path / "m.cbm", small("POLY"))
    names = [[name, 0] for name in ("red", "green", "blue", "clear")]
    meta = cbm.encode_meta({"app": "roastmeter", "channels": names})
    other = cbm.pack(cbm.Model({**small("POLY").sections, "META": meta}))
    cup = (*CUP, AT)
    with VirtualBoard(tmp_path / "m.cbm", "roastmeter", cup=cup) as virtual, Board(virtual.port) as board:
        calibrate(board, KIT)
        ran = board.hello["model"]
        with pytest.raises(
            BoardError, match=r"refuses gb\.cbm: this model reads red, green, blue, clear; the fed"
        ):
            update.send_model(board, other, "gb.cbm")
        assert "reads counts" in board.refusal
        assert board.hello["model"] == ran


def test_whoever_opens_a_meter_tells_it_the_time(tmp_path):
    """Then each reading says whether the calibration is too old; a board with a key takes the time from nobody else."""
    cbm.write(tmp_path / "m.cbm", model())
    made = (KIT.date.toordinal() - 719163) * 86400
    with VirtualBoard(tmp_path / "m.cbm", "roastmeter", cup=(*CUP, AT)) as virtual:
        with Board(virtual.port) as board:
            calibrate(board, KIT)
        for days, stale in ((10, False), (200, True)):
            with open_meter(virtual.port, wall=lambda days=days: made + days * 86400) as board:
                assert read_any(board).values["stale"] is stale
        with Board(virtual.port) as board:
            update.set_key(board, bytes(32))
        with open_meter(virtual.port, wall=lambda: made) as board:
            assert read_any(board).values["stale"] is True
            assert (board.refusal, board.hello["calibration"]) == (None, KIT.words())


def test_the_heap_of_the_smallest_board_is_enough(tmp_path):
    cbm.write(tmp_path / "m.cbm", model())
    with VirtualBoard(tmp_path / "m.cbm", "roastmeter", heap="23wK") as virtual, Board(virtual.port) as board:
        calibrate(board, KIT)
        said = sense(board, *CUP, AT)
        assert [said[key] for key in ("value", "low", "high", "degree", "raw")] == expected(CUP, AT)
        board.ask("time 1793577600", "status")
        board.write(b"\nTONINO\n")
        assert b"TONINO:" in raw(board, b"\n")
        board.write(b"\nSCAN\n")
        score = int(regressor().predict([said["raw"]])[0])
        assert raw(board, b"\n") == b"SCAN:%d\n" % (score + 128 >> 8)
        board.command("stream 50")
        assert [one["value"] for one in lines(board, 3)] == [said["value"]] * 3
        assert board.ask("status", "status").values["errors"] == 0
