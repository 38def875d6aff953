from __future__ import annotations

import numpy as np
import pytest

from canbean.can import database
from canbean.can.attacks import KINDS, Signal, inject
from canbean.can.bitfields import counter_bits
from canbean.can.frames import Frames
from canbean.can.masquerade import Check, known_checksum
from canbean.can.signals import decode
from canbean.can.simulate import checksum, dbc_text, drive
from canbean.can.vehicle import MESSAGES
from canbean.errors import UsageError

MASQUERADES = [kind for kind in KINDS if kind.startswith("masquerade-")]
CHECKED = {message.id: message for message in MESSAGES if message.checksum}
WHEEL = 0x0B1
ENGINE = 0x0A5


@pytest.fixture(scope="module")
def clean():
    return drive(130, 5)


@pytest.fixture(scope="module")
def signals():
    return database.parse(dbc_text(), "vehicle")


def parts(clean, frames, events):
    """The true and the forged frames of each event."""
    for event in events:
        rows = (frames.label == 1) & (frames.t_us >= event.start_us) & (frames.t_us <= event.end_us)
        yield clean[rows], frames[rows]


@pytest.mark.parametrize("kind", [*MASQUERADES, "masquerade"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_only_the_physical_lie_remains(clean, kind, seed):
    frames, events = inject(clean, kind, seed=seed, every_s=15)
    for true, lie in parts(clean, frames, events):
        message = next(m for m in MESSAGES if m.id == true.id[0])
        length = message.dlc
        assert (true.data != lie.data).any(axis=1).mean() > 0.5
        assert not lie.data[:, length:].any()
        if message.counter is not None:
            byte, shift = divmod(message.counter, 8)
            assert np.array_equal(true.data[:, byte] >> shift & 15, lie.data[:, byte] >> shift & 15)
        if message.checksum:
            right = checksum(message.checksum, lie.data[:, : length - 1])
            assert np.array_equal(lie.data[:, length - 1], right)


def test_checks_can_be_left_broken(clean):
    frames, events = inject(clean, "masquerade-constant", seed=1, id_key=ENGINE, keep_checks=False)
    for true, lie in parts(clean, frames, events):
        assert np.array_equal(true.data[:, 7], lie.data[:, 7])
        assert (checksum("crc8", lie.data[:, :7]) != lie.data[:, 7]).mean() > 0.9


def test_each_way_is_what_its_name_says(clean, signals):
    name = Signal(signals, "VehicleSpeed")
    for kind in MASQUERADES:
        frames, events = inject(clean, kind, seed=4, signal=name, duration_s=4)
        said = decode(signals, frames)["Brake1"].signals["VehicleSpeed"]
        whole = decode(signals, clean)["Brake1"].signals["VehicleSpeed"].values
        for _, lie in parts(clean, frames, events):
            rows = np.isin(said.rows, np.flatnonzero(np.isin(frames.t_us, lie.t_us)))
            value, truth = said.values[rows], whole[rows]
            assert len(value) == len(lie)
            assert whole.min() <= value.min() <= value.max() <= whole.max()
            if kind == "masquerade-plateau" and len(np.unique(truth)) > len(truth) / 2:
                assert set(value.tolist()) == {truth[0]}
            elif kind == "masquerade-constant":
                assert len(set(value.tolist())) == 1
                assert abs(value[0] - truth.mean()) >= 0.24 * (whole.max() - whole.min())
            elif kind == "masquerade-ramp":
                steps = np.diff(value)
                assert (steps >= 0).all() or (steps <= 0).all()
                assert value[-1] in {whole.min(), whole.max()}
                assert abs(value[0] - truth[0]) < 0.05 * (whole.max() - whole.min())
            elif kind == "masquerade-replay":
                assert np.isin(value, whole).all()
                assert any(
                    np.array_equal(value, whole[k : k + len(value)]) for k in range(len(whole) - len(value))
                )


def test_a_named_signal_is_forged_and_the_rest_kept(clean, signals):
    frames, events = inject(clean, "masquerade-constant", seed=2, signal=Signal(signals, "Wheels.WheelFR"))
    assert {event.ids for event in events} == {(WHEEL,)}
    before, after = decode(signals, clean)["Wheels"].signals, decode(signals, frames)["Wheels"].signals
    changed = {name for name in before if not np.array_equal(before[name].raw, after[name].raw)}
    assert changed == {"WheelFR"}


def test_a_big_endian_signal_among_pages_is_forged_where_it_is_carried():
    text = f"""VERSION ""
BU_: A
BO_ {0x98FEF165} Paged: 8 A
 SG_ Page M : 0|8@1+ (1,0) [0|255] "" A
 SG_ Wide m1 : 15|12@0- (0.5,3) [0|0] "" A
 SG_ Other m2 : 15|12@0+ (1,0) [0|0] "" A
"""
    n = np.arange(6000)
    data = np.zeros((6000, 8), np.uint8)
    data[:, 0] = n % 2 + 1
    value = np.where(n % 2 == 0, (300 * np.sin(n / 400)).astype(np.int64), n // 8) & 0xFFF
    data[:, 1], data[:, 2] = value >> 4, (value & 15) << 4 | 9
    frames = Frames.of(n * 10_000, 0x18FEF165, data, ext=True)
    pages = database.parse(text, "pages")
    out, events = inject(frames, "masquerade-constant", seed=1, signal=Signal(pages, "Wide"))
    forged = out.label == 1
    assert forged.sum() == pytest.approx(3 * 100, abs=3)
    assert (out.data[forged, 0] == 1).all()
    assert len(events) == 3
    told = decode(pages, out)["Paged"].signals
    true = decode(pages, frames)["Paged"].signals
    assert np.array_equal(told["Other"].raw, true["Other"].raw)
    differ = told["Wide"].raw != true["Wide"].raw
    assert np.array_equal(told["Wide"].rows[differ], np.flatnonzero(forged))
    assert np.array_equal(out.data[:, 2] & 15, frames.data[:, 2] & 15)
    assert np.abs(told["Wide"].raw).max() <= 300


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Nothing", "signal 'Nothing': vehicle has none"),
        ("Brake1.EngineSpeed", "signal 'Brake1.EngineSpeed': vehicle has none"),
    ],
)
def test_a_signal_that_is_not_there_is_refused(clean, signals, name, message):
    with pytest.raises(UsageError, match=message):
        inject(clean, "masquerade-ramp", seed=1, signal=Signal(signals, name))


def test_a_signal_that_no_frame_carries_or_that_nothing_forges_is_refused(clean, signals):
    without = clean[clean.id != ENGINE]
    with pytest.raises(UsageError, match="no frame of this log carries it"):
        inject(without, "masquerade-ramp", seed=1, signal=Signal(signals, "EngineSpeed"))
    with pytest.raises(UsageError, match="attack 'replay' forges no signal"):
        inject(clean, "replay", seed=1, signal=Signal(signals, "EngineSpeed"))
    with pytest.raises(UsageError, match="a signal or an id is attacked, not both"):
        inject(clean, "spoof", seed=1, id_key=ENGINE, signal=Signal(signals, "EngineSpeed"))


def test_a_checksum_is_known_where_it_always_holds_and_only_there(clean):
    for message in MESSAGES:
        rows = np.flatnonzero(clean.id == message.id)
        known = known_checksum(clean, rows)
        enough = len(np.unique(clean.data[rows, message.dlc - 1])) >= 24
        if message.checksum and enough:
            assert known == Check(message.checksum, 0, message.dlc)
        else:
            assert known is None, message.name
    rows = np.flatnonzero(clean.id == ENGINE)
    moved = clean.data.copy()
    moved[rows, 7] ^= 0x5A
    assert known_checksum(clean.changed(data=moved), rows) == Check("crc8", 0x5A, 8)
    broken = clean.data.copy()
    broken[rows[::3], 7] ^= 1
    assert known_checksum(clean.changed(data=broken), rows) is None


def test_what_is_replayed_lets_counters_go_on_or_not(clean):
    frames, events = inject(clean, "masquerade-replay", seed=6, id_key=WHEEL)
    own = clean.data[clean.id == WHEEL][:, :8]
    assert len(counter_bits(own)) == 4
    for true, lie in parts(clean, frames, events):
        assert np.array_equal(true.data[:, 7] >> 4, lie.data[:, 7] >> 4)
        at = np.flatnonzero((own == lie.data[0]).all(axis=1))
        assert any(np.array_equal(own[k : k + len(lie)], lie.data) for k in at)
    jumps = []
    for seed in range(3):
        frames, events = inject(clean, "masquerade-replay", seed=seed, id_key=WHEEL, keep_checks=False)
        jumps += [
            not np.array_equal(true.data[:, 7], lie.data[:, 7]) for true, lie in parts(clean, frames, events)
        ]
    assert any(jumps)


def test_payloads_that_never_change_are_still_lied_about():
    frames = Frames.of(np.arange(4000) * 20_000, 0x123, np.full((4000, 8), 255))
    for kind in MASQUERADES:
        out, events = inject(frames, kind, seed=1)
        assert len(events) == 4
        assert (out.data != frames.data).any(axis=1).sum() == (out.label == 1).sum() > 300
