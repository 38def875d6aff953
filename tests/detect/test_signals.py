"""Signals of several ids: where they lie, when they are sampled, which are informative."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.can import simulate
from canbean.can.frames import Frames
from canbean.can.vehicle import MESSAGES
from canbean.detect.bitflips import BIG, LITTLE, bits_of, value_of
from canbean.detect.informative import candidates, chosen, informative, relations, told
from canbean.detect.kinds import as_signed
from canbean.detect.signals import Samples, Signal, Signals, due_at, with_changes
from canbean.detect.windows import Traffic
from canbean.errors import ModelError
from canbean.tiny.packing import Reader
from field_cases import run_of
from relation_cases import random_signals, random_traffic


def traffic_of(frames, epoch=None):
    keys = np.unique(frames.key)
    epoch = np.zeros(len(frames), np.int64) if epoch is None else np.asarray(epoch)
    return Traffic(frames, np.searchsorted(keys, frames.key).astype(np.int64), epoch, keys)


@given(
    st.integers(0, 63), st.integers(1, 30), st.sampled_from([LITTLE, BIG]), st.booleans(), st.integers(0, 99)
)
def test_a_signal_is_what_its_bits_say(lowest, length, order, signed, seed):
    positions = run_of(lowest, length, order)
    if positions is None:
        return
    data = np.random.default_rng(seed).integers(0, 256, (20, 8)).astype(np.uint8)
    one = Signal.at(5, positions, signed=signed)
    kept = positions[-16:]
    value = value_of(bits_of(data), kept)
    assert one.values(data).tolist() == (as_signed(value, len(kept)) if signed else value).tolist()
    assert one.length == max(kept) // 8 + 1


@given(st.integers(0, 2**32 - 1))
def test_signals_come_back_from_their_bytes(seed):
    signals = random_signals(np.random.default_rng(seed))
    reader = Reader(signals.to_bytes(), "here")
    assert Signals.parse(reader) == signals
    reader.end()


def test_bytes_that_hold_no_signals_are_refused():
    content = Signals(
        (Signal(5, 1, 0, False, False, 8), Signal(9, 0, 0, False, False, 8)), (100, 100)
    ).to_bytes()
    for at, value in (
        (0, 0),
        (2, 0),
        (3, 1),
        (4, 200),
        (11, 1),
        (20, 8),
        (21, 32),
        (22, 0),
        (22, 17),
        (23, 1),
    ):
        wrong = bytearray(content)
        wrong[at] = value
        if at == 0:
            wrong[1] = 0
        with pytest.raises(ModelError, match="here"):
            Signals.parse(Reader(bytes(wrong), "here"))


def test_samples_keep_their_rate_until_there_is_a_pause():
    t_us = np.array([0, 60, 130, 199, 205, 310, 800, 850, 901, 1000, 700, 790, 801]) * 1000
    epoch = np.zeros(len(t_us), np.int64)
    # 130 ms is late by 30, the next is due at 200; after the pause from 800 on; back in time it starts anew
    assert due_at(t_us, epoch, 100_000).tolist() == [2, 4, 5, 6, 8, 9, 12]
    epoch[5:] = 1
    assert due_at(t_us, epoch, 100_000).tolist() == [2, 4, 6, 8, 9, 12]


def row(t_ms, key, byte, dlc=8):
    return (t_ms * 1000, key, byte, dlc)


def log(rows):
    t_us, key, byte, dlc = map(np.array, zip(*rows, strict=True))
    data = np.zeros((len(rows), 8), np.uint8)
    data[:, 0] = byte
    return Frames.of(t_us, key, data, dlc=dlc)


TWO = Signals((Signal(5, 0, 0, False, False, 8), Signal(9, 0, 0, False, False, 8)), (150, 150))


def test_a_sample_holds_the_last_value_of_each_id():
    frames = log(
        [row(0, 5, 1), row(10, 9, 2), row(100, 5, 3), row(150, 9, 4), row(160, 5, 7, 0), row(200, 9, 6)]
    )
    samples = TWO.sample(traffic_of(frames))
    assert samples.at.tolist() == [2, 5]
    assert samples.values.tolist() == [[3, 2], [3, 6]]
    assert samples.first.tolist() == [True, False]


def test_an_id_that_is_silent_or_slept_makes_no_sample_count():
    frames = log(
        [row(0, 5, 1), row(10, 9, 2), row(100, 5, 3), row(200, 5, 4), row(300, 9, 5), row(400, 9, 6)]
    )
    samples = TWO.sample(traffic_of(frames))
    assert samples.at.tolist() == [2, 4]
    assert samples.first.tolist() == [True, True]
    samples = TWO.sample(traffic_of(frames, [0, 0, 0, 0, 1, 1]))
    assert samples.at.tolist() == [2]
    alone = Signals((Signal(5, 0, 0, False, False, 8), Signal(77, 0, 0, False, False, 8)), (150, 150))
    assert not len(alone.sample(traffic_of(frames)).at)


def test_changes_begin_with_the_state():
    values = np.array([[1], [3], [7], [20], [22], [30]])
    samples = Samples(np.arange(6), values, np.array([True, False, False, True, False, False]))
    assert with_changes(samples, 2)[:, 1].tolist() == [0, 2, 6, 0, 2, 10]


def test_after_a_sample_that_is_left_out_a_state_begins():
    samples = Samples(np.arange(5), np.zeros((5, 1)), np.array([True, False, False, False, False]))
    kept = samples.where(np.array([True, True, False, True, True]))
    assert kept.first.tolist() == [True, False, True, False]


def test_random_traffic_is_sampled_in_order():
    rng = np.random.default_rng(3)
    signals = random_signals(rng)
    samples = signals.sample(random_traffic(rng, signals))
    assert (np.diff(samples.at) > 0).all()


@pytest.fixture(scope="module")
def drive():
    traffic = traffic_of(simulate.drive(200, 4))
    every = candidates(traffic)
    return every, every.sample(traffic).values


def name(signal):
    message = next(m for m in MESSAGES if m.id == signal.key)
    bit = 8 * signal.byte + signal.bit
    return next((s.name for s in message.signals if s.start <= bit < s.start + s.length), "")


def test_candidates_are_physical_values_of_ids_that_come_often(drive):
    every, _ = drive
    names = [name(one) for one in every.signals]
    assert {"EngineSpeed", "VehicleSpeed", "SteeringAngle", "Light"} <= set(names)
    # counters and checksums lie in no signal; the odometer comes twice a second
    assert not {"", "Odometer", "AirbagVersion"} & set(names)


def test_a_value_may_reach_bits_that_were_always_0(drive):
    every, _ = drive
    ends = {name(one): 8 * one.byte + one.bit + one.bits for one in every.signals}
    assert ends["EngineSpeed"] == 16
    # the counters above them stay out
    assert (ends["VehicleSpeed"], ends["WheelRR"]) == (32, 60)


def test_informative_are_those_that_others_tell(drive):
    every, values = drive
    columns = informative(every, values)
    names = {name(every.signals[column]) for column in columns}
    assert {"EngineSpeed", "VehicleSpeed", "WheelFL", "Throttle", "AcceleratorPedal", "DisplaySpeed"} <= names
    assert not {"Light", "CoolantTemperature", "TyrePressureFL", "BrakeTemperature"} & names
    few = informative(every, values, most=6)
    assert len(few) == 6
    kept = chosen(every, few)
    assert len(kept) == 6
    assert len(kept.stale_ms) == len(kept.keys)


def test_no_relation_leans_on_the_id_itself():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, (400, 2))[:, [0, 0, 1, 1, 1]] + 0.01 * rng.normal(0, 1, (400, 5))
    group = np.array([0, 0, 0, 1, 1])
    weights = relations(x, group)
    assert (weights[group[:, None] == group] == 0).all()
    shares = told(x, group)
    assert shares[0] < 0.1
    assert (shares[2:] > 0.9).all()
