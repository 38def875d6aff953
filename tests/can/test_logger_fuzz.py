from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs
from canbean.can.frames import FD, Frames
from canbean.can.logs import (
    busmaster,
    canhacker,
    carbus,
    crtd,
    generic_id,
    gvret,
    hcrl_csv,
    hcrl_txt,
    microchip,
    milliseconds,
    slcan,
)
from canbean.can.logs.lines import NO_FRAME, split
from canbean.can.logs.tables import Tables
from canbean.errors import FileError, LogError

SAMPLES = {
    gvret: (
        "Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n",
        [
            "22213513,00000111,false,Rx,0,8,00,11,22,33,44,55,66,77,",
            "-4,18FEF100,true,Tx,1,2,AB,CD",
            "5,00000001,false,Rx,12,12," + "AB," * 12,
        ],
    ),
    generic_id: ("ID,Data Bytes\n", ["0000021A,FE 36 12 FE 69 05 07 AD ", "18FEF100,00"]),
    crtd: ("1.5 CXX begin\n", ["166.064 R11 0000021A FE 36", "2. 2T29 18DB33F1 02", "3.1 CEV on"]),
    microchip: ("//---\nMicrochip Technology Inc.\n//---\n", ["166064;RX;0x0000021A;3;0xFE;0x36;0x12;"]),
    busmaster: (
        "***BUSMASTER Ver 3.2.2***\n***HEX***\n",
        [
            "22:20:14:992 Rx 1 0x21A s 2 FE 36 ",
            "1:2:3:4567 Tx 2 18FEF100 x-fd 12" + " AB" * 12,
            "***SYSTEM MODE***",
        ],
    ),
    canhacker: ("Time   ID     DLC Data     Comment\n", ["58.876 070      2 00 B0 hi", "00.001 00004000 0"]),
    carbus: ("@ TEXT @ 2 @ 64 @ 0 @ 1 @ 2 @\n", ["46,016\t1\t0004\t45A\t3\t5A 04 00\t00000000\tZ  \t"]),
    slcan: (
        "",
        ["t1232AABBEA5E", "T18FEF10080011223344556677", "R18FEF1000", "17.25 d1239" + "AB" * 12, "V1013"],
    ),
    hcrl_csv: (
        "Timestamp,ID,DLC,D0,D1,Flag\n",
        ["1478198376.389427,0316,8,05,21,68,09,21,21,00,6f,R", "1.5,05f0,2,01,00,,T"],
    ),
    hcrl_txt: ("", ["Timestamp: 1479121434.850202        ID: 0350    000    DLC: 2    05 28"]),
    milliseconds: ("", ["820298   0x085: 7C 33 80", "1.25 0x18FEF100:"]),
}
JUNK = [
    b"\0",
    b"\r",
    b",",
    b"#",
    b";",
    b"\xff",
    b" ",
    b"9" * 30,
    b"\t",
    b".",
    b"-",
    b"0x",
    b":",
    b"*",
    b"FF " * 70,
]


def mutated(line, rng):
    """A line with one or two random wounds."""
    text = bytearray(line)
    for _ in range(rng.integers(1, 3)):
        at = int(rng.integers(0, len(text) + 1))
        way = rng.integers(5)
        if way == 0:
            del text[at:]
        elif way == 1 and at < len(text):
            text[at] ^= 1 << int(rng.integers(8))
        elif way == 2:
            text[at:at] = rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8).tobytes()
        elif way == 3:
            del text[at : at + int(rng.integers(1, 30))]
        else:
            text[at : at + 1] = JUNK[int(rng.integers(len(JUNK)))]
    return bytes(text).replace(b"\n", b"")


def parsed(module, text, head=b""):
    lines, _ = split(text, 10)
    state = module.begin((head or text).replace(b"\r\n", b"\n"))
    frames, reason = module.parse(lines, Tables(), state)
    assert reason.dtype == np.int8
    assert reason.shape == (len(lines),)
    assert reason.max(initial=0) < len(module.REASONS)
    assert reason.min(initial=0) >= NO_FRAME
    assert len(frames) <= (reason == 0).sum()
    assert not (frames.dlc > 64).any()
    assert not (frames.id > np.where(frames.ext, 0x1FFFFFFF, 0x7FF)).any()
    assert not frames.data[np.arange(frames.data.shape[1]) >= frames.dlc[:, None]].any()
    assert not ((frames.dlc > 8) & (frames.flags & FD == 0)).any()
    return frames, reason, lines


@pytest.mark.parametrize("module", list(SAMPLES), ids=lambda m: m.__name__.rpartition(".")[2])
def test_ten_thousand_mutations_are_frames_or_are_counted(module):
    header, good = SAMPLES[module]
    rng = np.random.default_rng(7)
    head = header.encode()
    lines = [line.encode() for line in good]
    whole, reason, _ = parsed(module, head + b"\n".join(lines) + b"\n")
    assert not (reason > 0).any()
    kept = 0
    for _ in range(20):
        wounded = [mutated(lines[k % len(lines)], rng) for k in range(500)]
        text = head + b"".join(line + b"\n" for line in wounded)
        frames, reason, split_lines = parsed(module, text)
        headers = header.count("\n") + sum(line.lstrip().startswith((b"*", b"@", b"/")) for line in wounded)
        assert 0 <= (reason == 0).sum() - len(frames) <= headers + 5
        kept += len(frames)
        if module in (busmaster, canhacker, carbus, slcan, microchip):
            continue
        # What a line says does not depend on the lines around it.
        for at in rng.integers(header.count("\n"), len(split_lines), 5):
            start, end = int(split_lines.start[at]), int(split_lines.end[at])
            alone = head + split_lines.text[start:end].tobytes()
            if not alone.strip().endswith(b"\r"):
                one, why, _ = parsed(module, alone, text)
                assert why[-1] == reason[at]
                if why[-1] == 0 and len(one):
                    where = int((reason[:at] == 0).sum()) - int((reason == 0).sum() - len(frames))
                    assert one[-1:].t_us[0] in frames.t_us[max(where - 5, 0) : where + 6]
    assert kept > 300
    assert len(whole)


@pytest.mark.parametrize("module", list(SAMPLES), ids=lambda m: m.__name__.rpartition(".")[2])
def test_a_file_cut_at_any_byte_is_an_error_or_a_log(module, tmp_path):
    header, good = SAMPLES[module]
    text = (header + "\n".join([*good, good[0]]) + "\n").encode()
    path = tmp_path / "cut"
    for at in range(len(text)):
        path.write_bytes(text[:at])
        try:
            log = logs.read(path, accept_cut=bool(at % 2))
        except (LogError, FileError) as error:
            assert str(path) in str(error)  # noqa: PT017 - some are errors, the others logs
            continue
        assert len(log.problems) == min(log.skipped, 5)
    path.write_bytes(text)
    log = logs.read(path)
    assert (log.format, log.skipped) == (module.NAME, 0)


def gvret_lines():
    """Lines of GVRET csv, most of them good, some with a wound."""
    good = st.tuples(
        st.integers(0, 10**13),
        st.integers(0, 0x7FF),
        st.booleans(),
        st.integers(0, 11),
        st.integers(0, 10),
        st.binary(max_size=10),
        st.sampled_from(["", ",", ",00,00,", ",01"]),
        st.sampled_from(["%08X", "%03X", "0x%X"]),
    ).map(
        lambda v: (
            ",".join(
                [str(v[0]), v[7] % v[1], str(v[2]).lower(), str(v[3]), str(v[4]), *(f"{b:02X}" for b in v[5])]
            )
            + v[6]
        )
    )
    wounded = st.builds(
        lambda line, at, char: line[: at % (len(line) + 1)] + char + line[at % (len(line) + 1) + 1 :],
        good,
        st.integers(0, 99),
        st.sampled_from([*"0aFg,. -:x", "", ",,"]),
    )
    return st.lists(good | wounded, min_size=1, max_size=30)


@settings(max_examples=150)
@given(lines=gvret_lines())
def test_gvret_lines_read_fast_are_read_as_the_others(lines):
    text = "\n".join(line for line in lines if line.strip() and line.strip()[0] != "#") + "\n"
    block, _ = split(text.encode(), 10)
    state = gvret.State(bus=3, unit_us=1, header=False)
    frames, reason = gvret.parse(block, Tables(), state)
    rows, columns, checks = gvret._any(block, state)
    ok = np.all([checks[code] for code in checks], axis=0)
    assert np.array_equal(np.flatnonzero(reason == 0), rows[ok])
    assert np.array_equal(frames.t_us, columns.t_us[ok])
    assert np.array_equal(frames.id, columns.id[ok])
    assert np.array_equal(frames.dlc, columns.dlc[ok])
    wide = min(frames.data.shape[1], columns.data.shape[1])
    assert np.array_equal(frames.data[:, :wide], columns.data[ok][:, :wide])
    assert [frames.buses[b] for b in frames.bus] == [columns.bus[1][b] for b in columns.bus[0][ok]]


@st.composite
def tables(draw, fd, buses, earliest):
    """Frames that GVRET csv (`fd`) and CRTD have a place for."""
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ext = rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))
    flags = rng.choice([0, FD], n) if fd and draw(st.booleans()) else np.zeros(n, int)
    dlc = np.where(flags & FD, rng.integers(9, 65, n), rng.integers(0, 9, n))
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < dlc[:, None])
    names = tuple(
        f"can{k}" for k in draw(st.lists(st.integers(0, buses), min_size=1, max_size=3, unique=True))
    )
    return Frames.of(
        np.array(draw(st.lists(st.integers(earliest, 9 * 10**15), min_size=n, max_size=n)), np.int64),
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(names), n),
        buses=names,
    )


@pytest.mark.parametrize("name", ["a.gvret.csv", "a.gvret.csv.gz"])
@settings(max_examples=50)
@given(frames=tables(True, 255, -9 * 10**15))
def test_gvret_csv_gives_back_what_was_written(tmp_path_factory, name, frames):
    path = tmp_path_factory.mktemp("log") / name
    logs.write(path, frames)
    log = logs.read(path)
    assert (log.format, log.skipped) == ("GVRET csv", 0)
    assert log.frames.equals(frames)


@settings(max_examples=50)
@given(frames=tables(False, 9, 0))
def test_crtd_gives_back_what_was_written(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("log") / "a.crtd"
    logs.write(path, frames)
    log = logs.read(path)
    assert (log.format, log.skipped, log.passed) == ("CRTD", 0, 1)
    assert log.frames.equals(frames)


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("a.gvret.csv", {"flags": [2]}, "remote requests"),
        ("a.gvret.csv", {"flags": [4]}, "error frames"),
        ("a.gvret.csv", {"flags": [1]}, "CAN FD frames of 8 bytes and less"),
        ("a.gvret.csv", {"label": [1], "labels": ("", "dos")}, "labels"),
        ("a.gvret.csv", {"buses": ("vcan0",)}, "a bus named 'vcan0'"),
        ("a.gvret.csv", {"buses": ("can256",)}, "a bus named 'can256'"),
        ("a.gvret.csv", {"dlc": [9]}, "more than 8 bytes outside CAN FD"),
        ("a.crtd", {"t_us": [-1]}, "times before 0"),
        ("a.crtd", {"flags": [2]}, "remote requests"),
        ("a.crtd", {"buses": ("can10",)}, "a bus named 'can10'"),
    ],
)
def test_what_cannot_be_held_is_said(tmp_path, name, change, what):
    frames = Frames.of([0], [1], np.zeros((1, 64), np.uint8)).changed(**change)
    with pytest.raises(LogError, match=what):
        logs.write(tmp_path / name, frames)
    assert not list(tmp_path.iterdir())


def test_mutated_archives_are_errors_or_logs(tmp_path):
    text = gzip.decompress(gzip.compress(b"(1.5) can0 123#AABB\n" * 50))
    path, rng = tmp_path / "m", np.random.default_rng(3)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", text)
    packed = path.read_bytes()
    for _ in range(1000):
        wounded = bytearray(packed)
        for _ in range(rng.integers(1, 3)):
            wounded[int(rng.integers(len(wounded)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(wounded[: None if rng.integers(3) else int(rng.integers(len(wounded)))]))
        try:
            assert len(logs.read(path).frames) <= 50
        except (LogError, FileError) as error:
            assert str(path) in str(error)  # noqa: PT017 - most are errors, the others logs
