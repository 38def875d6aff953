from __future__ import annotations

import cantools
import numpy as np
import pytest

from canbean.can.bus import arbitrate, frame_us, priority
from canbean.can.driving import STEP_S, physical
from canbean.can.simulate import checksum, crc8, dbc_text, drive
from canbean.can.vehicle import ECUS, MESSAGES

PERIODIC = [message for message in MESSAGES if message.period_ms]


@pytest.fixture(scope="module")
def frames():
    return drive(120, 7)


@pytest.fixture(scope="module")
def dbc():
    return cantools.database.load_string(dbc_text())


def test_the_same_seed_gives_the_same_drive(frames):
    assert drive(120, 7).equals(frames)
    other = drive(120, 8)
    assert not other.equals(frames)
    assert set(other.id.tolist()) <= {message.id for message in MESSAGES}
    assert drive(1, 7, start_s=1.7e9).t_us[0] - drive(1, 7).t_us[0] == 1_700_000_000_000_000


def test_the_vehicle_is_as_large_as_promised(frames):
    assert len(MESSAGES) == 32
    assert len(ECUS) == 8
    assert 880 < len(frames) / frames.span_s < 930
    assert frames.buses == ("simulated",)
    assert frames.labels == ("",)
    assert not frames.flags.any()
    assert not frames.ext.any()


def test_no_two_frames_overlap_on_the_bus(frames):
    assert (np.diff(frames.t_us) >= frame_us(frames.dlc, frames.ext)[1:]).all()
    assert frames.t_us[0] >= frame_us(frames.dlc, frames.ext)[0]


def test_the_lowest_waiting_id_goes_first_and_none_is_interrupted():
    ready = np.array([0, 10, 20, 30, 1000])
    rank = priority(
        np.array([5, 0x700, 0x100, 0x100 << 18, 1], np.uint32), np.array([False, False, False, True, False])
    )
    assert arbitrate(ready, rank, np.full(5, 100)).tolist() == [100, 400, 200, 300, 1100]


@pytest.mark.parametrize("message", PERIODIC, ids=lambda message: message.name)
def test_periods_follow_the_clock_of_the_sender(frames, message):
    t = frames.t_us[frames.id == message.id]
    ecu = next(ecu for ecu in ECUS if ecu.name == message.ecu)
    true = message.period_ms * 1000 * (1 + ecu.skew_ppm * 1e-6)
    assert len(t) == pytest.approx(120e6 / true, abs=1.5)
    # Jitter and waiting for the bus stay below 3 ms, so the slope over all frames tells the clock.
    assert np.abs(t - t[0] - np.arange(len(t)) * true).max() < 3000
    if message.period_ms == 10:
        slope = np.polyfit(np.arange(len(t)), t, 1)[0]
        assert slope / 10_000 - 1 == pytest.approx(ecu.skew_ppm * 1e-6, abs=5e-6)


def test_event_driven_ids_come_when_something_happens(frames):
    for message in MESSAGES:
        if not message.period_ms:
            rows = frames.id == message.id
            assert 24 <= rows.sum() < 300, message.name
            assert np.diff(frames.t_us[rows]).max() < 5_100_000
    brake = frames[frames.id == 0x0F0]
    changes = np.flatnonzero(np.diff(brake.data[:, 0] & 1)) + 1
    assert len(changes) >= 3
    # A change is sent three times, 20 ms apart.
    pauses = np.diff(brake.t_us)
    assert all(abs(pauses[change] - 20_000) < 3_000 for change in changes[changes < len(pauses)])


def test_counters_count(frames):
    for message in MESSAGES:
        if message.counter is not None:
            word = frames.data[frames.id == message.id].copy().view("<u8").ravel()
            count = (word >> np.uint64(message.counter)) & np.uint64(15)
            assert set(np.diff(count.astype(int)) % 16) == {1}, message.name


def test_checksums_are_right(frames):
    assert crc8(np.frombuffer(b"123456789", np.uint8)[None])[0] == 0x4B
    seen = set()
    for message in MESSAGES:
        if message.checksum:
            data = frames.data[frames.id == message.id]
            assert np.array_equal(
                data[:, message.dlc - 1], checksum(message.checksum, data[:, : message.dlc - 1])
            )
            seen.add(message.checksum)
    assert seen == {"xor", "sum", "crc8"}
    assert checksum("sum", np.array([[200, 100]], np.uint8)).tolist() == [44]
    assert checksum("xor", np.array([[200, 100]], np.uint8)).tolist() == [172]


def test_the_dbc_decodes_the_physical_values(frames, dbc):
    signals = physical(120, 7)
    assert len(dbc.messages) == len(MESSAGES)
    for message in MESSAGES:
        rows = np.flatnonzero(frames.id == message.id)[::97]
        decoded = [dbc.decode_message(message.id, bytes(frames.data[row, : message.dlc])) for row in rows]
        # A frame ends on the bus within 3 ms of the sample it carries: it is this step of the drive or the one before.
        step = (frames.t_us[rows] / 1e6 / STEP_S).astype(int)
        for signal in message.signals:
            got = np.array([float(values[signal.name]) for values in decoded])
            series = signals[signal.name]
            low = signal.offset - signal.scale * (1 << signal.length - 1) * signal.signed
            wanted = [np.clip(series[np.maximum(step - back, 0)], low, None) for back in (0, 1)]
            error = np.minimum(*(np.abs(got - value) for value in wanted))
            assert error.max() <= signal.scale, signal.name


def test_signals_move_together():
    signals = physical(300, 3)
    speed, fast = signals["VehicleSpeed"], signals["VehicleSpeed"] > 20
    assert speed.max() > 50
    assert speed.min() == 0
    for wheel in ("WheelFL", "WheelFR", "WheelRL", "WheelRR"):
        assert np.abs(signals[wheel] - speed)[fast].max() < 0.25 * speed.max()
        assert np.corrcoef(signals[wheel], speed)[0, 1] > 0.99
    difference = signals["WheelRR"] - signals["WheelRL"]
    assert np.corrcoef(difference[fast], signals["YawRate"][fast])[0, 1] > 0.95
    assert np.corrcoef(signals["Gear"], speed)[0, 1] > 0.8
    assert np.corrcoef(signals["EngineTorque"], signals["AcceleratorPedal"])[0, 1] > 0.6
    assert signals["LongitudinalAcceleration"][signals["BrakePressure"] > 20].max() < 0.2
    assert (np.diff(signals["Odometer"]) >= 0).all()
    assert (np.diff(signals["FuelLevel"]) <= 0).all()
    assert np.abs(np.diff(signals["CoolantTemperature"])).max() < 0.01
