"""Fields without a DBC: borders, kinds, byte orders, pages; the simulated vehicle as a whole."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from canbean.can import database, logs, simulate
from canbean.can.frames import ERR, RTR, Frames
from canbean.detect.bitflips import (
    BIG,
    LITTLE,
    bits_of,
    flip_rates,
    hamming,
    magnitude,
    significance,
    value_of,
    wrapped,
)  # fmt: skip
from canbean.detect.fields import Field, learn_fields, motorola
from canbean.detect.kinds import KINDS, tell
from canbean.detect.named import learn_named
from canbean.detect.rhythm import rhythms
from field_cases import frames_of, put, run_of, vehicle_truth


def walk(n, seed, low, high, speed):
    """A smooth signal between two values, whose speed wanders about zero."""
    rng = np.random.default_rng(seed)
    pace = lfilter([np.sqrt(1 - 0.98**2)], [1, -0.98], rng.normal(0, 1, n)) * speed
    span = high - low
    # Reflected at both ends.
    place = np.mod(np.cumsum(pace) + rng.uniform(0, 2 * span), 2 * span)
    return np.rint(low + np.where(place > span, 2 * span - place, place)).astype(np.int64)


def learned(data):
    (one,) = learn_fields(frames_of(data))
    assert sorted(p for f in one.fields if f.page is None for p in f.positions) == list(
        range(8 * data.shape[1])
    )
    return one


def test_bits_are_numbered_as_in_a_dbc():
    bits = bits_of(np.array([[0x01, 0x80]], np.uint8))
    assert np.flatnonzero(bits[:, 0]).tolist() == [0, 15]
    assert significance(2, BIG) == [*range(8, 16), *range(8)]
    # SG_ X : 3|12@0+: four bits of byte 0 from bit 3, then byte 1.
    assert motorola(3, 12) == (8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3)
    assert Field(3, 12, BIG, "physical").positions == motorola(3, 12)
    assert wrapped(np.array([15, -15, 8]), 4).tolist() == [-1, 1, -8]
    assert value_of(bits, [15, 0, 1]).tolist() == [3]


def test_flip_rates_and_hamming_distances():
    data = np.array([[0, 0], [1, 0], [0, 0xFF], [1, 0xFF]], np.uint8)
    rates = flip_rates(bits_of(data))
    assert rates[0] == 1
    assert rates[8:].tolist() == [1 / 3] * 8
    assert hamming(data).tolist() == [1, 9, 1]
    assert magnitude(0.5) == 0
    assert magnitude(0.05) == -1
    assert magnitude(0.0) == -np.inf
    one = learned(np.repeat(data, 10, axis=0))
    assert one.hamming[3] == 9


@settings(max_examples=30)
@given(
    order=st.sampled_from([LITTLE, BIG]),
    length=st.integers(9, 16),
    signed=st.booleans(),
    seed=st.integers(0, 200),
)
@example(order=LITTLE, length=16, signed=False, seed=66)
def test_a_signal_of_either_byte_order_is_recovered(order, length, signed, seed):
    positions = run_of(16 if order == LITTLE else 24, length, order)
    low, high = (-(1 << length - 1), (1 << length - 1) - 1) if signed else (0, (1 << length) - 1)
    # A signal that moves by half of its low byte in a frame leaves no carries to see.
    value = walk(6000, seed, low, high, min((high - low) / 300, 80))
    data = put(np.full((6000, 8), 0x5A, np.uint8), positions, value & ((1 << length) - 1))
    one = learned(data)
    found = [field for field in one.fields if field.kind != "constant"]
    assert [(field.kind, field.order) for field in found] == [("physical", order)]
    # Bits at the top that this walk did not reach are constant.
    moved = int(np.bitwise_or.reduce(value ^ value[0]) & ((1 << length) - 1)).bit_length()
    assert set(found[0].positions) <= set(positions)
    assert len(found[0].positions) == moved
    if low < value.min() or value.max() < high:
        assert (found[0].low, found[0].high) in {
            (value.min(), value.max()), (int((value & high).min()), int((value & high).max())),
        }  # fmt: skip


@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_neighbours_are_told_apart(order):
    line = significance(8, order)
    data = np.zeros((8000, 8), np.uint8)
    put(data, line[:12], walk(8000, 1, 0, 4095, 9))
    put(data, line[12:24], walk(8000, 2, 0, 4095, 9))
    put(data, [line[24]], np.arange(8000) // 900 % 2)
    put(data, line[40:44], np.arange(8000) % 16)
    found = [(f.positions, f.kind) for f in learned(data).fields if f.kind != "constant"]
    assert sorted(found) == sorted(
        [
            (tuple(line[:12]), "physical"),
            (tuple(line[12:24]), "physical"),
            ((line[24],), "enumeration"),
            (tuple(line[40:44]), "counter"),
        ]
    )


@settings(max_examples=30)
@given(st.integers(2, 6), st.integers(0, 5), st.integers(0, 99))
def test_an_enumeration_is_recovered(count, lowest, seed):
    rng = np.random.default_rng(seed)
    states = rng.permutation(8)[:count]
    value = np.repeat(states[rng.integers(0, count, 300)], 40)
    data = put(np.zeros((len(value), 8), np.uint8), range(lowest, lowest + 3), value)
    one = learned(data)
    varying = {position for position in range(64) if one.flips[position]}
    kinds = {field.kind for field in one.fields if varying & set(field.positions)}
    # A few states that happen to be neighbours may look like a physical value.
    assert kinds <= {"enumeration", "physical"}
    assert {"counter", "checksum", "noise"}.isdisjoint(field.kind for field in one.fields)


def test_kinds_from_values():
    n = 2000
    rng = np.random.default_rng(3)

    def told(value, width, **options):
        return tell(
            value, flip_rates(bits_of(value.astype("<u4").view(np.uint8).reshape(-1, 4)))[:width], **options
        )

    assert told(np.full(n, 7), 4).kind == "constant"
    states = told(np.repeat(np.array([1, 5, 9, 1, 9, 5, 2, 9] * 5), 50), 4)
    assert (states.kind, states.values) == ("enumeration", (1, 2, 5, 9))
    assert told(rng.integers(0, 256, n), 8).kind == "noise"
    level = told(np.abs(np.arange(n) % 800 - 400), 9)
    assert (level.kind, level.low, level.high, level.step, level.signed) == ("physical", 0, 400, 1, False)
    around = told((np.rint(90 * np.sin(np.arange(n) / 60)).astype(np.int64)) & 0xFF, 8)
    assert (around.kind, around.low, around.high, around.signed) == ("physical", -90, 90, True)
    assert told(np.arange(n) % 4 + 252, 8, signed=True).low == -4


@pytest.mark.parametrize("size", [1, 5, 8, 64])
@pytest.mark.parametrize("n", [1, 2, 9, 40, 3000])
def test_noise_is_called_noise_and_nothing_surer(n, size):
    if n * size > 60_000:
        n = 500
    one = learned(np.random.default_rng(size).integers(0, 256, (n, size), np.uint8))
    assert {field.kind for field in one.fields} <= set(KINDS) - {"counter", "checksum", "multiplexer"}
    if n >= 500:
        assert sum(f.length for f in one.fields if f.kind == "noise") >= 0.95 * 8 * size
    assert bool(one.notes) == (n < 8)


def test_a_simple_multiplexer_has_pages():
    n = 6000
    page = np.array([0, 3, 1, 2])[np.arange(n) % 4]
    data = np.zeros((n, 8), np.uint8)
    data[:, 0] = page
    for one in range(3):
        rows = page == one
        data[rows, 2 + one] = walk(int(rows.sum()), one, 0, 255, 3)
    data[page == 3, 6] = 0x77
    one = learned_pages = learn_fields(frames_of(data))[0]
    selector = next(field for field in one.fields if field.kind == "multiplexer")
    assert set(selector.positions) <= set(range(8))
    assert selector.values == (0, 1, 2, 3)
    assert any("4 pages" in note for note in learned_pages.notes)
    for number in range(4):
        there = [f for f in one.fields if f.page == number]
        moving = {f.positions[0] // 8 for f in there if f.kind != "constant"}
        assert moving == ({2 + number} if number < 3 else set())
        fixed = [f for f in there if f.kind == "constant" and f.low]
        assert [f.low for f in fixed] == ([0x77] if number == 3 else [])


def test_a_slow_gear_is_no_multiplexer():
    n = 6000
    data = np.zeros((n, 8), np.uint8)
    data[:, 0] = np.arange(n) // 1000
    put(data, range(16, 32), walk(n, 4, 0, 65535, 100))
    put(data, range(32, 48), walk(n, 5, 0, 65535, 100))
    assert "multiplexer" not in {field.kind for field in learned(data).fields}


def test_other_lengths_and_frames_without_data_are_left_out():
    data = put(np.zeros((500, 8), np.uint8), range(4), np.arange(500) % 16)
    frames = frames_of(data)
    short = frames.changed(dlc=np.where(np.arange(500) % 100 == 50, 3, 8))
    (one,) = learn_fields(short)
    assert (one.frames, one.length, one.other_lengths) == (495, 8, 5)
    assert any("5 frames of another length" in note for note in one.notes)
    remote = frames.changed(flags=np.where(np.arange(500) % 2, RTR, ERR))
    assert learn_fields(remote) == []
    assert learn_fields(Frames.empty()) == []


def test_what_is_learned_does_not_depend_on_time_or_other_ids():
    drive = simulate.drive(20, 6)
    whole = {one.key: one.describe() for one in learn_fields(drive)}
    assert list(whole) == sorted(whole)
    later = drive.changed(t_us=drive.t_us + 1_700_000_000_000_000)
    assert {one.key: one.describe() for one in learn_fields(later)} == whole
    some = drive[np.isin(drive.id, [0x0A5, 0x110, 0x240])]
    part = {one.key: one.describe() for one in learn_fields(some)}
    assert part == {key: whole[key] for key in part}
    assert json.loads(json.dumps(whole[0x0A5]))["fields"][0]["kind"] in KINDS


SHARE = 0.95
"""Floor of the share of bits of the simulated vehicle that are given the right kind, pooled over ids."""


@pytest.mark.parametrize("seed", [3, 7, 12])
def test_the_simulated_vehicle_is_recovered(seed):
    truth = vehicle_truth()
    outcome = Counter()
    for one in learn_fields(simulate.drive(120, seed)):
        told = {position: field.kind for field in one.fields for position in field.positions}
        for position, kind in enumerate(truth[one.key]):
            # A bit that never moved in this drive is constant, whatever it is for.
            still = told[position] == "constant" and one.flips[position] == 0
            outcome[kind, told[position], still or told[position] == kind] += 1
    right = sum(count for (_, _, good), count in outcome.items() if good)
    assert right / outcome.total() >= SHARE, outcome
    # Nothing is called a counter or a checksum that is none, and no checksum is missed.
    claimed = {(kind, told) for kind, told, _ in outcome if told in {"counter", "checksum"}}
    assert claimed == {("counter", "counter"), ("checksum", "checksum")}
    assert {told for kind, told, _ in outcome if kind == "checksum"} == {"checksum"}


def test_a_database_gives_names_and_borders():
    names = database.parse(simulate.dbc_text(), "vehicle.dbc")
    by_name = {one.name: one for one in learn_named(simulate.drive(60, 1), names)}
    engine = {field.name: field for field in by_name["Engine1"].fields if field.name}
    speed = engine["EngineSpeed"]
    assert (speed.start, speed.length, speed.kind, speed.scale, speed.unit) == (
        0,
        16,
        "physical",
        0.25,
        "rpm",
    )
    assert engine["Engine1Counter"].kind == "counter"
    assert "SAE J1850" in engine["Engine1Checksum"].rule
    angle = next(field for field in by_name["Steering1"].fields if field.name == "SteeringAngle")
    assert angle.signed
    assert angle.low < 0 < angle.high
    for one in by_name.values():
        assert sorted(p for f in one.fields for p in f.positions) == list(range(8 * one.length))


MOTOROLA = """
VERSION ""
NS_ :
BS_:
BU_: E
BO_ 291 Mixed: 8 E
 SG_ Big : 19|12@0- (0.5,10) [0|0] "m" Vector__XXX
 SG_ Select M : 0|2@1+ (1,0) [0|0] "" Vector__XXX
 SG_ Zero m0 : 40|8@1+ (1,0) [0|0] "" Vector__XXX
 SG_ One m1 : 40|4@1+ (1,0) [0|0] "" Vector__XXX
 SG_ Far : 60|8@1+ (1,0) [0|0] "" Vector__XXX
"""


def test_motorola_and_multiplexed_signals_of_a_database():
    n = 4000
    data = np.zeros((n, 7), np.uint8)
    select = np.arange(n) // 3 % 2
    put(data, range(2), select)
    put(data, motorola(19, 12), walk(n, 1, -900, 900, 7) & 0xFFF)
    data[:, 5] = np.where(select, 3, walk(n, 2, 0, 255, 4))
    (one,) = learn_named(frames_of(data), database.parse(MOTOROLA, "x.dbc"))
    fields = {field.name: field for field in one.fields if field.name}
    assert (fields["Big"].start, fields["Big"].order, fields["Big"].signed) == (19, BIG, True)
    assert fields["Big"].positions == motorola(19, 12)
    assert -900 <= fields["Big"].low < 0 < fields["Big"].high <= 900
    assert fields["Select"].kind == "multiplexer"
    assert (fields["Zero"].page, fields["One"].page, fields["One"].low) == (0, 1, 3)
    assert any("Far does not fit" in note for note in one.notes)


def test_rhythms():
    frames = Frames.of(
        [0, 10_000, 20_000, 30_000, 5_000], [1, 1, 1, 1, 2], np.zeros((5, 8)), dlc=[8, 8, 8, 4, 2]
    )
    told = rhythms(frames.in_time_order())
    assert (told[1].frames, told[1].lengths, told[1].period_ms, told[1].jitter_ms) == (4, (4, 8), 10, 0)
    assert (told[2].period_ms, told[2].jitter_ms) == (None, None)
    assert rhythms(Frames.empty()) == {}


@pytest.mark.parametrize(
    "name", ["volvo-v40/clean.csv.gz", "hyundai-kona/250105-1-2020-comp-can-heating.csv",
             "hyundai-kona/230112-7-2019-pcan-ccan-power-off-on-ready-off.csv"],
)  # fmt: skip
def test_recordings_are_learned_whole(recordings, name):
    frames = logs.read(recordings / "can" / name).frames
    for one in learn_fields(frames):
        described = json.dumps(one.describe())
        assert "NaN" not in described
        pages = {field.page for field in one.fields} - {None}
        for page in pages or {None}:
            told = [p for f in one.fields if f.page in {None, page} for p in f.positions]
            assert sorted(told) == list(range(8 * one.length))
