"""Signals decoded a column at a time equal cantools, frame by frame."""

import math

import cantools
import numpy as np
import pytest
from cantools.database import DecodeError
from cantools.database.can import Message, Signal
from cantools.database.conversion import BaseConversion
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import database, signals, simulate
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.errors import FileError, LogError

SCALES = (1, 1, 1, 2, -3, 2.0, 0.5, 0.1, 1e-3, -0.25, 10**9)
OFFSETS = (0, 0, 10, -40, 0.5, -273.15, 7.0)


def conversion(rng, is_float):
    choices = {0: "off", 1: "on", 3: "fault"} if not is_float and rng.random() < 0.3 else None
    scale, offset = SCALES[rng.integers(len(SCALES))], OFFSETS[rng.integers(len(OFFSETS))]
    return BaseConversion.factory(scale, offset, choices, is_float)


def some_signals(rng, bits, begin, order, prefix, **more):
    """Signals side by side, in the bits from `begin` on."""
    made, at = [], begin
    while len(made) < 5:
        at += int(rng.integers(0, 6))
        is_float = rng.random() < 0.2
        length = (
            int(rng.choice((16, 32, 64))) if is_float else int(rng.integers(1, rng.choice((9, 33, 65, 90))))
        )
        if at + length > bits:
            break
        start = at if order == "little_endian" else 8 * (at // 8) + 7 - at % 8
        signed = bool(rng.random() < 0.5)
        name = f"{prefix}{len(made)}"
        made.append(Signal(name, start, length, order, signed, conversion=conversion(rng, is_float), **more))
        at += length
    return made


def selector(name, at, length, **more):
    return Signal(name, at, length, "little_endian", is_multiplexer=True, **more)


def some_message(rng, id_, extended):
    size = int(rng.choice((1, 2, 5, 8, 8, 8, 12, 64)))
    parts = []
    begin = 0
    if size > 2 and rng.random() < 0.6:
        parts.append(selector("Mux", 0, 3))
        under = {"multiplexer_signal": "Mux"}
        parts += some_signals(rng, 8 * size, 9, "little_endian", "A", multiplexer_ids=[0, 5], **under)
        parts += some_signals(rng, 8 * size, 9, "big_endian", "B", multiplexer_ids=[1, 2, 3], **under)
        parts.append(selector("Deep", 3, 2, multiplexer_ids=[1], **under))
        below = {"multiplexer_signal": "Deep", "multiplexer_ids": [0, 2]}
        parts += some_signals(rng, 8 * size, 9, "little_endian", "C", **below)
        begin = 5
    else:
        parts += some_signals(rng, 8 * size, begin, "little_endian", "L")
    parts += some_signals(rng, 8 * size, 16 if begin else 0, "big_endian", "M")
    return Message(id_, f"Message{id_}", size, parts, is_extended_frame=extended, strict=False)


def frames_of(rng, messages, n=60):
    size = 64 if any(message.length > 8 for message in messages) else 8
    which = rng.integers(len(messages), size=n)
    dlc = np.where(rng.random(n) < 0.5, size, rng.integers(0, size + 1, n))
    dlc = np.where(rng.random(n) < 0.4, [messages[w].length for w in which], dlc)
    data = rng.integers(0, 256, (n, size)).astype(np.uint8)
    data[np.arange(size) >= dlc[:, None]] = 0
    ids, ext = ([getattr(messages[w], name) for w in which] for name in ("frame_id", "is_extended_frame"))
    return Frames.of(np.arange(n), ids, data, dlc=dlc, ext=ext)


def same(mine, theirs):
    if isinstance(theirs, float) and math.isnan(theirs):
        return math.isnan(mine)
    return mine == theirs and isinstance(mine, float) == isinstance(theirs, float)


def check(base, frames, message_of):
    """Every signal of every frame is what cantools makes of it; nothing is there that cantools does not give."""
    decoded = signals.decode(base, frames)
    found = [{} for _ in range(len(frames))]
    undefined = set()
    for part in decoded.values():
        undefined |= set(part.undefined.tolist())
        for name, series in part.signals.items():
            assert (np.diff(series.rows) > 0).all()
            for row, value in zip(series.rows.tolist(), series.values.tolist(), strict=True):
                assert name not in found[row]
                found[row][name] = value
    for row, values in enumerate(found):
        message = message_of(row)
        if message is None:
            assert values == {}
            continue
        payload = frames.data[row, : frames.dlc[row]].tobytes()
        try:
            expected = message.decode(payload, decode_choices=False, allow_truncated=True)
        except DecodeError:
            assert row in undefined
            continue
        assert row not in undefined
        assert values.keys() == expected.keys()
        for name, value in values.items():
            assert same(value, expected[name]), (message.name, name, value, expected[name])
    return decoded


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_random_databases_and_payloads(seed):
    rng = np.random.default_rng(seed)
    messages = [some_message(rng, 16 + i, bool(i % 2)) for i in range(4)]
    frames = frames_of(rng, messages)
    by_id = {message.frame_id: message for message in messages}
    check(database.of(messages, "random"), frames, lambda row: by_id[int(frames.id[row])])


def test_the_simulated_vehicle():
    frames = simulate.drive(4, 3)
    peer = cantools.database.load_string(simulate.dbc_text(), "dbc")
    base = database.parse(simulate.dbc_text(), "simulated", "dbc")
    decoded = check(base, frames, lambda row: peer.get_message_by_frame_id(int(frames.id[row])))
    assert sum(len(part.rows) for part in decoded.values()) == len(frames)
    assert len(decoded) == len(np.unique(frames.id))


def test_the_truck(recordings):
    base = database.load(recordings / "can/j1939-truck/CSS-Electronics-SAE-J1939-DEMO.dbc")
    by_name = {message.name: message for message in base.messages}
    rng = np.random.default_rng(1)
    # Priority 3 and 6, engine speed from two sources, vehicle speed, another group, an 11-bit id.
    ids = np.array([0x0CF00400, 0x18F00421, 0x18FEF100, 0x18FEF2FE, 0x0F4], np.uint32)[
        rng.integers(5, size=300)
    ]
    data = rng.integers(0, 256, (300, 8)).astype(np.uint8)
    frames = Frames.of(np.arange(300), ids, data, ext=ids > 0x7FF)
    names = {0x0CF00400: "EEC1", 0x18F00421: "EEC1", 0x18FEF100: "CCVS1"}
    decoded = check(base, frames, lambda row: by_name.get(names.get(int(ids[row]))))
    assert set(decoded) == {"EEC1", "CCVS1"}


HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
MOTION = (
    HEAD
    + """BO_ 256 Motion: 8 A
 SG_ Speed : 0|16@1+ (0.01,-5) [0|655] "km/h" A
 SG_ Angle : 23|12@0- (0.5,0) [-1024|1023] "deg" A
 SG_ Gear : 40|3@1+ (1,0) [0|7] "" A
VAL_ 256 Gear 0 "Park" 1 "Drive" ;
"""
)


def test_values_names_and_units_by_hand():
    base = database.parse(MOTION, "motion", "dbc")
    data = np.array([[0x10, 0x27, 0xFF, 0xE0, 0, 1, 0, 0], [0, 0, 0, 0x10, 0, 5, 0, 0]], np.uint8)
    motion = signals.decode(base, Frames.of([0, 1], 256, data))["Motion"]
    assert motion.signals["Speed"].values.tolist() == [10000 * 0.01 - 5, -5]
    assert motion.signals["Speed"].unit == "km/h"
    assert motion.signals["Angle"].values.tolist() == [-1.0, 0.5]
    assert motion.signals["Gear"].names().tolist() == ["Drive", ""]
    assert motion.signals["Gear"].raw.tolist() == [1, 5]


def test_a_short_frame_lacks_the_signals_beyond_its_end():
    base = database.parse(MOTION, "motion", "dbc")
    frames = Frames.of([0, 1, 2], 256, np.zeros((3, 8), np.uint8), dlc=[8, 3, 1])
    motion = signals.decode(base, frames)["Motion"]
    assert motion.signals["Speed"].rows.tolist() == [0, 1]
    assert motion.signals["Angle"].rows.tolist() == [0]
    dense = motion.dense("Angle")
    assert dense[0] == 0
    assert np.isnan(dense[1:]).all()


def test_what_no_frame_carries_is_not_there():
    base = database.parse(MOTION, "motion", "dbc")
    frames = Frames.of([0, 1], [256, 257], np.zeros((2, 8), np.uint8), dlc=0)
    assert signals.decode(base, frames)["Motion"].signals == {}
    assert signals.decode(base, Frames.empty()) == {}


def test_remote_and_error_frames_have_no_signals():
    base = database.parse(MOTION, "motion", "dbc")
    frames = Frames.of(range(4), 256, np.zeros((4, 8), np.uint8), flags=[0, RTR, ERR, FD])
    assert signals.decode(base, frames)["Motion"].rows.tolist() == [0, 3]


def test_an_undefined_multiplexer_value_is_told_and_the_rest_decoded():
    text = HEAD + (
        'BO_ 7 M: 2 A\n SG_ Kind M : 0|4@1+ (1,0) [0|15] "" A\n SG_ X m2 : 8|8@1+ (1,0) [0|255] "" A\n'
        ' SG_ Y : 4|4@1+ (1,0) [0|15] "" A\n'
    )
    data = np.zeros((3, 8), np.uint8)
    data[:, :2] = [[0x32, 9], [0x33, 9], [0x42, 8]]
    part = signals.decode(database.parse(text, "m", "dbc"), Frames.of([0, 1, 2], 7, data, dlc=2))["M"]
    assert part.undefined.tolist() == [1]
    assert part.signals["X"].rows.tolist() == [0, 2]
    assert part.signals["X"].values.tolist() == [9, 8]
    assert part.signals["Y"].values.tolist() == [3, 3, 4]


def test_parameter_groups():
    assert database.group_number(np.array([0x18FEF100, 0x0CEF2A17, 0x1DEA2300], np.uint32)).tolist() == [
        *(0xFEF1, 0xEF00, 0x1EA00)
    ]


def group(name, id_):
    return Message(id_, name, 8, [Signal("S", 0, 8)], is_extended_frame=True, protocol="j1939")


def test_of_several_messages_of_one_group_the_exact_id_wins_then_the_one_from_any_source():
    base = database.of([group("engine2", 0x0CF00401), group("any", 0x0CF004FE)], "j")
    frames = Frames.of(
        range(4), [0x0CF00401, 0x0CF00400, 0x18F00433, 0x0CF00500], np.zeros((4, 8), np.uint8), ext=True
    )
    code = base.match(frames).tolist()
    assert [base.messages[c].name if c >= 0 else None for c in code] == ["engine2", "any", "any", None]
    # Where nothing declares J1939 only the id itself counts, unless it is asked for.
    plain = [Message(0x0CF004FE, "plain", 8, [Signal("S", 0, 8)], is_extended_frame=True)]
    assert database.of(plain, "p").match(frames).tolist() == [-1] * 4
    assert database.of(plain, "p", j1939=True).match(frames).tolist() == [0, 0, 0, -1]


ARXML = """<?xml version="1.0" encoding="UTF-8"?>
<AUTOSAR xmlns="http://autosar.org/schema/r4.0"><AR-PACKAGES>
<AR-PACKAGE><SHORT-NAME>Cluster</SHORT-NAME><ELEMENTS>
 <CAN-CLUSTER><SHORT-NAME>Bus</SHORT-NAME><CAN-CLUSTER-VARIANTS><CAN-CLUSTER-CONDITIONAL>
  <BAUDRATE>500000</BAUDRATE><PHYSICAL-CHANNELS><CAN-PHYSICAL-CHANNEL><SHORT-NAME>Channel</SHORT-NAME><FRAME-TRIGGERINGS>
   <CAN-FRAME-TRIGGERING><SHORT-NAME>Trigger</SHORT-NAME><FRAME-REF DEST="CAN-FRAME">/Frames/Motion</FRAME-REF>
    <CAN-ADDRESSING-MODE>STANDARD</CAN-ADDRESSING-MODE><IDENTIFIER>256</IDENTIFIER></CAN-FRAME-TRIGGERING>
  </FRAME-TRIGGERINGS></CAN-PHYSICAL-CHANNEL></PHYSICAL-CHANNELS>
 </CAN-CLUSTER-CONDITIONAL></CAN-CLUSTER-VARIANTS></CAN-CLUSTER>
</ELEMENTS></AR-PACKAGE>
<AR-PACKAGE><SHORT-NAME>Frames</SHORT-NAME><ELEMENTS>
 <CAN-FRAME><SHORT-NAME>Motion</SHORT-NAME><FRAME-LENGTH>8</FRAME-LENGTH><PDU-TO-FRAME-MAPPINGS>
  <PDU-TO-FRAME-MAPPING><SHORT-NAME>Map</SHORT-NAME>
   <PACKING-BYTE-ORDER>MOST-SIGNIFICANT-BYTE-LAST</PACKING-BYTE-ORDER>
   <PDU-REF DEST="I-SIGNAL-I-PDU">/Pdus/Motion</PDU-REF><START-POSITION>0</START-POSITION></PDU-TO-FRAME-MAPPING>
 </PDU-TO-FRAME-MAPPINGS></CAN-FRAME>
</ELEMENTS></AR-PACKAGE>
<AR-PACKAGE><SHORT-NAME>Pdus</SHORT-NAME><ELEMENTS>
 <I-SIGNAL-I-PDU><SHORT-NAME>Motion</SHORT-NAME><LENGTH>8</LENGTH><I-SIGNAL-TO-PDU-MAPPINGS>
  <I-SIGNAL-TO-I-PDU-MAPPING><SHORT-NAME>M1</SHORT-NAME><I-SIGNAL-REF DEST="I-SIGNAL">/Signals/Speed</I-SIGNAL-REF>
   <PACKING-BYTE-ORDER>MOST-SIGNIFICANT-BYTE-LAST</PACKING-BYTE-ORDER><START-POSITION>0</START-POSITION>
  </I-SIGNAL-TO-I-PDU-MAPPING>
  <I-SIGNAL-TO-I-PDU-MAPPING><SHORT-NAME>M2</SHORT-NAME><I-SIGNAL-REF DEST="I-SIGNAL">/Signals/Angle</I-SIGNAL-REF>
   <PACKING-BYTE-ORDER>MOST-SIGNIFICANT-BYTE-FIRST</PACKING-BYTE-ORDER><START-POSITION>23</START-POSITION>
  </I-SIGNAL-TO-I-PDU-MAPPING>
 </I-SIGNAL-TO-PDU-MAPPINGS></I-SIGNAL-I-PDU>
</ELEMENTS></AR-PACKAGE>
<AR-PACKAGE><SHORT-NAME>Signals</SHORT-NAME><ELEMENTS>
 <I-SIGNAL><SHORT-NAME>Speed</SHORT-NAME><LENGTH>16</LENGTH>
  <SYSTEM-SIGNAL-REF DEST="SYSTEM-SIGNAL">/Signals/SpeedS</SYSTEM-SIGNAL-REF></I-SIGNAL>
 <I-SIGNAL><SHORT-NAME>Angle</SHORT-NAME><LENGTH>12</LENGTH>
  <SYSTEM-SIGNAL-REF DEST="SYSTEM-SIGNAL">/Signals/AngleS</SYSTEM-SIGNAL-REF></I-SIGNAL>
 <SYSTEM-SIGNAL><SHORT-NAME>SpeedS</SHORT-NAME></SYSTEM-SIGNAL>
 <SYSTEM-SIGNAL><SHORT-NAME>AngleS</SHORT-NAME></SYSTEM-SIGNAL>
</ELEMENTS></AR-PACKAGE>
</AR-PACKAGES></AUTOSAR>
"""


@pytest.mark.parametrize("kind", ["dbc", "kcd", "sym", "arxml", "txt"])
def test_every_kind_of_database_file(tmp_path, kind):
    path = tmp_path / f"motion.{kind}"
    peer = cantools.database.load_string(MOTION, "dbc")
    text = {"kcd": peer.as_kcd_string, "sym": peer.as_sym_string, "arxml": lambda: ARXML}.get(
        kind, lambda: MOTION
    )()
    path.write_text(text)
    base = database.load(path)
    peer = cantools.database.load_string(text, None if kind == "txt" else kind)
    frames = frames_of(np.random.default_rng(0), list(peer.messages))
    decoded = check(base, frames, lambda _row: peer.messages[0])
    assert {"Speed", "Angle"} <= set(decoded["Motion"].signals)


def test_of_two_messages_with_one_id_the_later_counts_and_it_is_told(caplog):
    text = HEAD + "".join(
        f'BO_ 5 {name}: 8 A\n SG_ {name}S : 0|8@1+ (1,0) [0|9] "" A\n' for name in ("First", "Later")
    )
    base = database.parse(text, "two.dbc", "dbc")
    assert list(signals.decode(base, Frames.of([0], 5, np.zeros((1, 8), np.uint8)))) == ["Later"]
    assert "First" in base.problems[0]
    assert "two.dbc" in base.problems[0]


def test_a_container_is_told(tmp_path):
    inner = Message(1, "Inner", 4, [Signal("S", 0, 8)], header_id=1)
    base = database.of([Message(2, "Outer", 8, [], contained_messages=[inner])], "c")
    assert base.messages == ()
    assert "Outer" in base.problems[0]


@pytest.mark.parametrize("name", ["bad.dbc", "bad.kcd", "bad.sym", "bad.arxml", "bad.txt"])
@pytest.mark.parametrize("blob", [b"", b"BO_ nonsense", b"\xff\x00" * 100, b"<xml"])
def test_what_is_no_database_is_one_clear_error(tmp_path, name, blob):
    (tmp_path / name).write_bytes(blob)
    with pytest.raises(LogError, match="bad") as error:
        database.load(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_missing_database(tmp_path):
    with pytest.raises(FileError, match=r"none\.dbc"):
        database.load(tmp_path / "none.dbc")
