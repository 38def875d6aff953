"""Checks of payloads: their section, what they say of planted breaches, and that clean traffic is quiet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs, simulate
from canbean.can.frames import ERR, RTR, Frames
from canbean.can.vehicle import MESSAGES
from canbean.detect.check_judge import joined, judge
from canbean.detect.check_learn import (
    BLOCK,
    BLOCKS,
    candidates,
    choose,
    learn_held_back,
    sampled,
)
from canbean.detect.check_worth import Known
from canbean.detect.checks import (
    CHECKSUM,
    COUNTER,
    FROZEN,
    PARTS,
    RANGE,
    STEP,
    Check,
    Checks,
    IdChecks,
    bytes_of,
)
from canbean.detect.crcs import ALGORITHMS, remainder
from canbean.detect.fingerprint import rows_of
from canbean.errors import ModelError
from check_cases import IDS, random_checks
from field_cases import frames_of

COUNT = Check(COUNTER, 40, 52, 4, False, (1, 0, 14, 6 << 1))
SUM = Check(CHECKSUM, 60, 56, 8, False, (0, 0 | 6 << 4, 0, 0x5A))
NIBBLE = Check(CHECKSUM, 60, 4, 4, False, (1, 0 | 7 << 4, 0, 3))
CRC = Check(CHECKSUM, 60, 0, 8, False, (3 | 1 << 4, 1 | 7 << 4, 0x1D, 0xC4))
FAR = Check(STEP, 40, 0, 16, False, (40, 0, 32, 0))
WIDE = Check(RANGE, 20, 8, 12, True, (0xF0, 0x0F, 0x20, 0))
STILL = Check(FROZEN, 30, 16, 8, False, (4, 16, 200, 0))


def told(check, data, epoch=None):
    """Bits and words of one check, frame by frame."""
    checks = Checks((IdChecks(0, 8, (check,)),))
    frames = frames_of(np.asarray(data, np.uint8))
    row = np.zeros(len(data), np.int64)
    said = judge(checks, frames, row, row if epoch is None else np.asarray(epoch))
    part = PARTS[int(np.argmax(said.bits.max(axis=1)))]
    bits = said.bits.max(axis=0).tolist()
    return bits, [said.words(checks, 0, at, part) for at, b in enumerate(bits) if b]


def payloads(*values, at=0):
    """Payloads of eight bytes with a value each in two of them."""
    data = np.zeros((len(values), 8), np.uint8)
    data[:, at] = np.array(values) & 255
    data[:, at + 1] = np.array(values) >> 8
    return data


def counted(*values):
    return payloads(*(value << 4 for value in values), at=6)


def test_a_counter_that_jumps_is_told_and_goes_on_from_there():
    bits, words = told(COUNT, counted(13, 14, 0, 1, 9, 10, 11))
    assert bits == [0, 0, 0, 0, 160, 0, 0]
    assert words == [("counter at bits 52..55 is 2", "it is 9")]


def test_a_counter_that_stays_is_told_unless_clean_traffic_has_it():
    assert told(COUNT, counted(3, 3, 4))[0] == [0, 160, 0]
    pausing = Check(COUNTER, 40, 52, 4, False, (1, 0, 14, 1))
    assert told(pausing, counted(3, 3, 4, 7))[0] == [0, 0, 0, 0]  # a skip that is worth nothing
    assert told(pausing, counted(3, 3, 4, 12))[0] == [0, 0, 0, 160]


def test_few_lost_frames_are_worth_less_than_any_other_jump():
    assert told(COUNT, counted(3, 5))[0] == [0, 96]
    assert told(COUNT, counted(3, 7))[0] == [0, 96]
    assert told(COUNT, counted(3, 8))[0] == [0, 160]
    assert told(COUNT, counted(14, 1))[0] == [0, 96]


def test_nothing_is_held_against_the_first_frame_after_a_sleep():
    assert told(COUNT, counted(3, 9), [0, 1])[0] == [0, 0]
    assert told(FAR, payloads(0, 5000), [0, 1])[0] == [0, 0]
    assert told(STILL, payloads(*[7] * 8, at=2), [0] * 4 + [1] * 4)[0] == [0] * 8


def test_a_broken_checksum_is_as_surprising_each_time():
    data = np.random.default_rng(1).integers(0, 256, (20, 8)).astype(np.uint8)
    data[:, 7] = np.bitwise_xor.reduce(data[:, :7], axis=1) ^ 0x5A
    assert told(SUM, data)[0] == [0] * 20
    right = int(data[3, 7])
    data[3:9, 7] ^= 0x11
    bits, words = told(SUM, data)
    assert bits == [0] * 3 + [240] * 6 + [0] * 11
    assert words[0] == (f"checksum byte 7 is {right:02X}", f"{right ^ 0x11:02X}")


def test_checksums_of_nibbles_and_crcs():
    data = np.random.default_rng(2).integers(0, 256, (50, 8)).astype(np.uint8)
    halves = (data & 15).sum(axis=1) + (data >> 4).sum(axis=1) - (data[:, 0] >> 4)
    data[:, 0] = data[:, 0] & 15 | ((halves + 3) & 15) << 4
    assert told(NIBBLE, data)[0] == [0] * 50
    right = data[9, 0] >> 4
    data[9, 0] ^= 0x40
    assert told(NIBBLE, data)[1] == [(f"checksum at bits 4..7 is {right:X}", f"{right ^ 4:X}")]
    # SAE J1850 with a byte behind the data that is not sent, bit by bit.
    for row in data:
        state = 0
        for byte in [*row[1:].tolist(), 0]:
            state ^= byte
            for _ in range(8):
                state = (state << 1 ^ (0x11D if state & 0x80 else 0)) & 0xFF
        row[0] = state ^ 0xC4
    assert told(CRC, data)[0] == [0] * 50
    data[5, 3] ^= 1
    assert np.flatnonzero(told(CRC, data)[0]).tolist() == [5]


def test_a_step_is_worth_more_the_further_it_goes_and_less_each_time():
    bits, words = told(FAR, payloads(1000, 1040, 1000, 1080, 1000, 2280))
    assert bits[:3] == [0, 0, 0]
    assert bits[3] == 160 + 32  # an octave beyond the edge
    assert bits[3] > bits[4] > 0
    assert bits[5] > bits[3]  # five octaves
    assert words[-1] == ("value at bits 0..15 steps by at most 40", "1280")


def test_steps_go_the_short_way_round():
    assert told(FAR, payloads(65530, 10, 65500))[0][:2] == [0, 0]
    assert told(FAR, payloads(65500, 10))[1] == [("value at bits 0..15 steps by at most 40", "46")]


def test_a_range_may_pass_through_zero():
    # Big-endian, 12 bits: -16 to 16.
    def at(value):
        return (value & 0xFF) << 8 | value >> 8 & 0x0F

    inside = payloads(at(-16 & 0xFFF), at(16), at(0))
    assert told(WIDE, inside)[0] == [0, 0, 0]
    bits, words = told(WIDE, payloads(at(17), at(-17 & 0xFFF)))
    assert bits[0] == 80
    assert bits[1] < 80
    assert words[0] == ("value at bits 3..8 big-endian in 4080..16", "17")


def test_a_frozen_value_is_told_but_not_where_it_rests():
    moving = list(range(1, 11))
    bits, words = told(STILL, payloads(*moving, *[77] * 20, at=2))
    assert bits[:15] == [0] * 15
    assert bits[15] > 120
    assert bits[-1] > bits[15] - 32  # it counts as one breach, and lasts
    assert words[-1] == ("value at bits 16..23 the same for at most 4 frames", "for 19")
    assert told(STILL, payloads(*moving, *[200] * 20, *moving, *[0] * 20, at=2))[0] == [0] * 60


def test_payloads_of_another_length_are_passed_over():
    checks = Checks((IdChecks(0, 7, (Check(COUNTER, 40, 0, 4, False, (1, 0, 15, 0)),)),))
    data = np.zeros((6, 8), np.uint8)
    data[:, 0] = [1, 2, 9, 3, 4, 5]
    frames = frames_of(data).changed(dlc=np.array([7, 7, 8, 7, 7, 7]))
    row = np.zeros(6, np.int64)
    assert not judge(checks, frames, row, row).bits.any()
    assert judge(checks, frames.changed(dlc=np.full(6, 7)), row, row).bits[0].tolist() == [
        0, 0, 160, 160, 0, 0,
    ]  # fmt: skip


def test_the_section_is_what_it_was():
    checks = Checks((IdChecks(1, 8, (COUNT, SUM)), IdChecks(300, 8, (FAR, WIDE, STILL))))
    assert checks.to_bytes().hex() == (
        "02000500" "01000802" "2c010803"
        "00283404" "01000e0c" "013c3808" "0060005a" "02280010" "28002000"
        "0314088c" "f00f2000" "041e1008" "0410c800"
    )  # fmt: skip
    assert Checks.from_bytes(checks.to_bytes(), 301) == checks
    assert len(checks.to_bytes()) == bytes_of(2, 5)
    assert Checks.from_bytes(Checks(()).to_bytes(), 1) == Checks(())


def test_ids_out_of_order_or_unknown_are_refused():
    own = [IdChecks(slot, 8, (COUNT,)) for slot in (2, 5)]
    assert len(Checks.from_bytes(Checks(tuple(own)).to_bytes(), 6)) == 2
    for ids, n in ((own[::-1], 6), ([own[0], own[0]], 6), (own, 5), ([IdChecks(2, 16, (COUNT,))], 6)):
        with pytest.raises(ModelError, match=r"checks: (the ids are not in ascending order|16 is no DLC)"):
            Checks.from_bytes(Checks(tuple(ids)).to_bytes(), n)
    with pytest.raises(ModelError, match="do not share out"):
        Checks.from_bytes(Checks((IdChecks(2, 8, ()),)).to_bytes(), 6)


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_sections_come_back(seed):
    checks = random_checks(np.random.default_rng(seed))
    assert Checks.from_bytes(checks.to_bytes(), IDS) == checks


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.data())
def test_a_damaged_section_is_refused_or_whole(seed, data):
    section = bytearray(random_checks(np.random.default_rng(seed)).to_bytes())
    at = data.draw(st.integers(0, len(section) - 1))
    section[at] ^= data.draw(st.integers(1, 255))
    cut = bytes(section[: data.draw(st.integers(0, len(section)))])
    for content in (bytes(section), cut):
        try:
            read = Checks.from_bytes(content, IDS)
        except ModelError:
            continue
        assert read.to_bytes() == content
        rng = np.random.default_rng(seed)
        frames = frames_of(rng.integers(0, 256, (20, 8)).astype(np.uint8))
        row = np.zeros(20, np.int64) + (read.ids[0].slot if read.ids else 0)
        judge(read, frames, row, np.zeros(20, np.int64))


@pytest.mark.parametrize(
    "check",
    [
        Check(COUNTER, 1, 6, 4, False, (1, 0, 15, 0)),  # over the end of its byte
        Check(COUNTER, 1, 0, 4, False, (0, 0, 15, 0)),
        Check(COUNTER, 1, 0, 4, False, (1, 0, 16, 0)),
        Check(CHECKSUM, 1, 1, 8, False, (0, 7 << 4, 0, 0)),
        Check(CHECKSUM, 1, 0, 8, False, (0, 8 << 4, 0, 0)),
        Check(CHECKSUM, 1, 0, 4, False, (3, 7 << 4, 0x1D, 0)),
        Check(CHECKSUM, 1, 0, 8, False, (3, 7 << 4, 0x1C, 0)),
        Check(CHECKSUM, 1, 0, 8, False, (5, 7 << 4, 0, 0)),
        Check(STEP, 1, 60, 8, False, (1, 0, 0, 0)),
        Check(STEP, 1, 0, 12, True, (1, 0, 0, 0)),
        Check(STEP, 1, 0, 17, False, (1, 0, 0, 0)),
        Check(RANGE, 1, 0, 4, False, (16, 0, 0, 0)),
        Check(5, 1, 0, 4, False, (0, 0, 0, 0)),
    ],
)
def test_what_is_no_check_is_refused(check):
    with pytest.raises(ModelError, match="is no check of 8 bytes"):
        Checks.from_bytes(Checks((IdChecks(0, 8, (check,)),)).to_bytes(), 1)


# Learning


def learned_from(frames, most_bytes=10_000, share=0.6, **more):
    keys, row = np.unique(frames.key, return_inverse=True)
    later = np.arange(len(frames)) >= share * len(frames)
    return keys, learn_held_back(frames, row, later, keys, most_bytes, **more).checks


@pytest.fixture(scope="module")
def drive():
    return simulate.drive(240, 3)


@pytest.fixture(scope="module")
def learned(drive):
    return learned_from(drive)


def judged(learned, frames):
    keys, checks = learned
    row = rows_of(keys, frames.key)
    return row, judge(checks, frames, row, np.zeros(len(frames), np.int64))


def test_counters_and_checksums_of_a_simulated_drive_are_found(learned):
    keys, checks = learned
    kinds = {int(keys[one.slot]): [check.kind for check in one.checks] for one in checks.ids}
    for message in MESSAGES:
        if message.period_ms and message.period_ms <= 50:
            assert (COUNTER in kinds.get(message.id, [])) == (message.counter is not None), message.name
            if message.checksum and message.name != "Airbag1":
                assert CHECKSUM in kinds[message.id], message.name
    assert {STEP, RANGE, FROZEN} <= {check.kind for check in checks}


@pytest.mark.parametrize("seed", [4, 5])
def test_another_drive_is_quiet(learned, seed):
    frames = simulate.drive(120, seed)
    _, said = judged(learned, frames)
    assert not said.bits[:2].any()
    loud = said.bits[2] >= 12 * 16
    assert np.mean(loud) < 2**-12
    assert said.bits.sum(axis=0).max() < 20 * 16


def plant(frames, key, at, change):
    """The frames with the payload of one of an id's frames changed."""
    own = np.flatnonzero(frames.key == key)[at]
    data = frames.data.copy()
    data[own] = change(data[own].copy())
    return frames.changed(data=data), own


def test_planted_breaches_are_found(learned):
    frames = simulate.drive(30, 6)

    def flip(byte, mask):
        def change(row):
            row[byte] ^= mask
            return row

        return change

    def corrupt(row):
        row[1] ^= 0x20
        row[7] = simulate.checksum("crc8", row[None, :7])[0]
        return row

    for part, change, expected in (
        (0, flip(6, 0x80), "counter at bits 52..55"),
        (1, flip(7, 0x21), "checksum byte 7 is"),
        (2, corrupt, "value at bits 0..13 steps by at most"),
    ):
        attacked, at = plant(frames, 0x0A5, 500, change)
        row, said = judged(learned, attacked)
        assert said.bits[part, at] >= 12 * 16
        words = said.words(learned[1], int(row[at]), at, PARTS[part])
        assert words[0].startswith(expected)
        assert "CD" not in words  # no placeholder


def test_a_frozen_signal_is_found(learned):
    frames = simulate.drive(60, 7)
    own = np.flatnonzero(frames.key == 0x0D0)[2000:2200]
    data = frames.data.copy()
    data[own, :5] = data[own[0], :5]
    data[own, 7] = simulate.checksum("crc8", data[own, :7])
    _, said = judged(learned, frames.changed(data=data))
    assert not said.bits[:2, own].any()
    assert np.mean(said.bits[2, own] >= 12 * 16) > 0.7


def test_the_section_keeps_within_its_bytes_and_keeps_the_best(drive, learned):
    keys, row = np.unique(drive.key, return_inverse=True)
    later = np.arange(len(drive)) >= 0.6 * len(drive)
    found, _ = candidates(drive, row, later, keys, np.zeros(len(drive), np.int64))
    for most in (0, 4, 15, 16, 100, 200, 401, 10_000):
        kept = choose(found, most)
        size = bytes_of(len({one.row for one in kept}), len(kept))
        assert size <= max(most, 4)
        assert size > min(most, len(learned[1].to_bytes())) - 12
        assert {one.check for one in kept} <= set(learned[1])
    assert {one.check.kind for one in choose(found, 200)} <= {COUNTER, CHECKSUM}
    assert len(choose(found, 16)) == 1


def test_learning_is_the_same_each_time_and_for_another_clock(drive, learned):
    again = learned_from(drive.changed(t_us=drive.t_us + 1_234_567_890))[1]
    assert again.to_bytes() == learned[1].to_bytes()


def test_the_earlier_edges_are_within_the_later_ones(drive):
    keys, row = np.unique(drive.key, return_inverse=True)
    later = np.arange(len(drive)) >= 0.5 * len(drive)
    said = learn_held_back(drive, row, later, keys, 10_000)
    both = said.checks, said.early
    assert [one.slot for one in both[0].ids] == [one.slot for one in both[1].ids]
    zero = np.zeros(len(drive), np.int64)
    bits, early = (judge(checks, drive, row, zero).bits for checks in both)
    assert not bits.any()  # all of it is known
    assert early[2].any()
    assert not early[:, ~later].any()
    for now, before in zip(*both, strict=True):
        assert (now.kind, now.worth, now.start) == (before.kind, before.worth, before.start)
        assert now.edge >= before.edge or now.kind == RANGE
    for kind in (STEP, RANGE, FROZEN):
        assert any(now != before for now, before in zip(*both, strict=True) if now.kind == kind)


def test_a_counter_that_loses_frames_promises_little_of_a_skip():
    rng = np.random.default_rng(1)
    data = counted(*(np.arange(6000) % 15))
    data[:, 0] = rng.integers(0, 256, 6000)
    whole = learned_from(frames_of(data))[1]
    lost = learned_from(frames_of(data[rng.random(6000) > 0.01]))[1]
    (before,), (after,) = ([c for c in checks if c.kind == COUNTER] for checks in (whole, lost))
    assert before.rule[3] >> 1 == 8
    assert 5 <= after.rule[3] >> 1 <= 7


def test_of_two_counters_in_an_id_that_does_nothing_else_none_is_trusted():
    count = np.arange(3000) % 16
    data = counted(*count)
    data[:, 7] = 15 - count  # a checksum, as it turns out when something else changes
    assert [c for c in learned_from(frames_of(data))[1] if c.kind == COUNTER] == []


def test_values_at_rest_give_no_checks():
    data = payloads(*(1000 + np.arange(4000) // 50 % 5))
    assert len(learned_from(frames_of(data))[1]) == 0


def test_a_value_that_may_hold_still_is_not_said_to_be_frozen():
    rng = np.random.default_rng(2)
    walk = 3000 + np.cumsum(rng.integers(-9, 10, 4000))
    held = walk.copy()
    held[1000:1100] = held[1000]
    parked = walk.copy()
    parked[1000:1100] = 0
    kinds = [
        {check.kind for check in learned_from(frames_of(payloads(*value)))[1]}
        for value in (walk, held, parked)
    ]
    assert FROZEN in kinds[0]
    assert FROZEN not in kinds[1]
    assert FROZEN in kinds[2]


def test_what_comes_after_a_sleep_is_not_learned_as_a_step():
    at = np.arange(4000)
    data = payloads(*(3000 + 2500 * np.sin(at / 200) + np.where(at >= 2000, 20_000, 0)).astype(np.int64))
    edges = []
    for epoch in (at >= 2000, at >= 4000):
        known = Known.of(data, joined(epoch.astype(np.int64)), 2400)
        check, _ = known.weighed(Check(STEP, 0, 0, 16, False, (0, 0, 0, 0)))
        edges.append(check.edge)
    assert edges[0] == 13
    assert edges[1] > 19_000


def test_a_sample_is_blocks_of_each_id():
    row = np.arange(100_000) % 3
    row[::1000] = 3
    chosen = sampled(row, np.arange(100_000) < 60_000)
    assert np.all(np.diff(chosen) > 0)
    assert chosen.max() < 60_000
    counts = np.bincount(row[chosen])
    assert counts[:3].tolist() == [BLOCKS * BLOCK] * 3
    assert counts[3] == 60


def test_a_checksum_whose_constant_goes_with_a_counter_is_left_out_and_counted():
    # As AUTOSAR's profile 2 has it: a data id for each value of the counter.
    rng = np.random.default_rng(4)
    data = rng.integers(0, 256, (4000, 8)).astype(np.uint8)
    count = np.arange(4000) % 16
    data[:, 1] = count
    ids = rng.integers(0, 256, 16).astype(np.uint8)[count]
    algorithm = ALGORITHMS.index((0x2F, False))
    data[:, 0] = remainder(algorithm, np.concatenate([data[:, 1:], ids[:, None]], axis=1))
    frames = frames_of(data)
    row = np.zeros(4000, np.int64)
    said = learn_held_back(frames, row, np.arange(4000) >= 2400, np.unique(frames.key), 1000)
    assert said.left_out == 1
    assert [check.kind for check in said.checks] == [COUNTER]


def test_an_id_without_earlier_frames_is_left_out():
    data = counted(*(np.arange(4000) % 15))
    frames = Frames.concat([frames_of(data[:2000], 0x100), frames_of(data[2000:], 0x101)])
    keys, row = np.unique(frames.key, return_inverse=True)
    later = np.arange(4000) >= 2000
    assert candidates(frames, row, later, keys, np.zeros(4000, np.int64)) == ([], 0)


# Recordings


def clean(frames):
    return frames[(frames.flags & (RTR | ERR)) == 0]


def most_bits(train, rest):
    train, rest = clean(train), clean(rest)
    learned = learned_from(train)
    return judged(learned, rest)[1].bits.sum(axis=0) / 16


def test_the_later_part_of_a_volvo_is_quiet(recordings):
    frames = logs.read(recordings / "can" / "volvo-v40" / "clean.csv.gz").frames
    bits = most_bits(frames.between(0, 75), frames.between(75, None))
    assert bits.max() < 20
    assert np.mean(bits >= 10) < 1 / 500


@pytest.mark.parametrize(("day", "runs"), [("oct30", 5), ("apr30", 4), ("regen", 3)])
def test_other_runs_of_a_race_car_are_quiet(recordings, day, runs):
    read = [
        logs.read(recordings / "can" / "formula-student" / f"{day}-{i}.csv.gz").frames for i in range(runs)
    ]
    for rest in read[-2:]:
        assert most_bits(read[0], rest).max() < 20


def test_the_later_half_of_a_truck_and_of_a_mustang_is_quiet(recordings):
    for path in ("j1939-truck/truck-402s.MF4", "formats/mustang-s550.txt.gz"):
        frames = logs.read(recordings / "can" / path).frames
        half = frames.span_s / 2
        assert most_bits(frames.between(0, half), frames.between(half, None)).max() < 20
