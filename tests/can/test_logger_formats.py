from __future__ import annotations

import numpy as np
import pytest

from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR


def told(tmp_path, text, **arguments):
    path = tmp_path / "log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    log = logs.read(path, **arguments)
    f = log.frames
    rows = [
        (
            int(t),
            logs_id(i, x),
            int(g),
            int(d),
            p[: 0 if g & RTR else d].tobytes().hex(),
            f.buses[b],
            f.labels[k],
        )
        for t, i, x, g, d, p, b, k in zip(
            f.t_us, f.id, f.ext, f.flags, f.dlc, f.data, f.bus, f.label, strict=True
        )
    ]
    assert not any(p[d:].any() for d, p in zip(f.dlc, f.data, strict=True))
    return log, rows


def logs_id(id_, ext):
    return f"{id_:08X}" if ext else f"{id_:03X}"


OLD = "Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
NEW = "Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"


def test_gvret_csv_old_and_new(tmp_path):
    old = OLD + (
        "166064000,0000021A,false,0,8,FE,36,12,FE,69,05,07,AD,\n"
        "-1,18FEF100,true,1,2,0A,0b,00,00,00,00,00,00,\n"
        "5,7ff,FALSE,12,1,A\n"
        "6,0000007A,false,0,0,\n"
    )
    log, rows = told(tmp_path, old)
    assert (log.format, log.skipped, log.notes) == ("GVRET csv", 0, [])
    assert rows == [
        (166064000, "21A", 0, 8, "fe3612fe690507ad", "can0", ""),
        (-1, "18FEF100", 0, 2, "0a0b", "can1", ""),
        (5, "7FF", 0, 1, "0a", "can12", ""),
        (6, "07A", 0, 0, "", "can0", ""),
    ]
    new = NEW + "22213513,00000111,false,Rx,0,3,01,02,03,\r\n22213514,00000111,true,Tx,1,1,FF\r\n"
    new += "7,00000001,false,Rx,0,12," + "AB," * 12 + "\r\n"
    log, rows = told(tmp_path, new)
    assert rows == [
        (22213513, "111", 0, 3, "010203", "can0", ""),
        (22213514, "00000111", 0, 1, "ff", "can1", ""),
        (7, "001", FD, 12, "ab" * 12, "can0", ""),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,2,false,0", "not as many fields"),
        ("x,00000001,false,0,1,00,", "the time"),
        ("1,00000800,false,0,1,00,", "the id"),
        ("1,20000000,true,0,1,00,", "the id"),
        ("1,00000001,maybe,0,1,00,", "Extended"),
        ("1,00000001,false,256,1,00,", "the bus"),
        ("1,00000001,false,0,65,00,", "LEN"),
        ("1,00000001,false,0,2,00", "fewer data bytes"),
        ("1,00000001,false,0,2,00,0G,", "fewer data bytes"),
        ("1,00000001,false,0,2,00 00 00,", "fewer data bytes"),
        ("1,00000001,false,0,4,00,11,22:33,", "fewer data bytes"),
        ("1,00000001,false,0,1,00,01,", "more data"),
    ],
)
def test_gvret_lines_that_cannot_be_read_are_told(tmp_path, line, why):
    log, rows = told(tmp_path, OLD + "0,00000001,false,0,1,00,\n" + line + "\n0,00000001,false,0,1,00,\n")
    assert (len(rows), log.skipped) == (2, 1)
    assert f"line 3: {why}" in log.problems[0]


@pytest.mark.parametrize(("unit", "name"), [(1, ""), (1000, "milliseconds"), (1_000_000, "seconds")])
def test_gvret_units_that_no_bus_could_carry_are_read_as_larger_ones(tmp_path, unit, name):
    t_us = np.cumsum(np.random.default_rng(1).integers(250, 950, 3000))
    lines = "".join(f"{t // unit},00000100,false,0,1,00,\n" for t in t_us)
    log, rows = told(tmp_path, OLD + lines)
    assert [row[0] for row in rows] == [t // unit * unit for t in t_us]
    assert log.notes == ([f"the times are taken for {name}, not for microseconds"] if name else [])


def test_gvret_seconds_with_a_point(tmp_path):
    log, rows = told(tmp_path, OLD + "1.5,00000100,false,0,1,00,\n2.25,00000100,false,0,1,00,\n")
    assert [row[0] for row in rows] == [1_500_000, 2_250_000]
    assert log.notes == ["the times are taken for seconds, not for microseconds"]


def test_generic_id_csv_has_no_times_and_says_so(tmp_path):
    log, rows = told(tmp_path, "ID,Data Bytes\n0000021A,FE 36 \n18FEF100,\n00000800,1 2\nxyz,00\n021 00\n")
    assert log.format == "Generic ID csv"
    assert rows == [
        (0, "21A", 0, 2, "fe36", "can0", ""),
        (0, "18FEF100", 0, 0, "", "can0", ""),
        (0, "00000800", 0, 2, "0102", "can0", ""),
    ]
    assert log.skipped == 2
    assert "no times" in log.notes[0]


def test_crtd(tmp_path):
    text = """166.064000 CXX GVRET-PC Reverse Engineering Tool Output V138
166.064000 R11 0000021A FE 36 12 FE 69 05 07 AD
1542473901.020305 1R11 7ED 04 41
1542473901.021 2T29 18DB33F1 02 01 0C
1542473902. CEV Event vehicle.on
1542473902.1 3R29 123
7. R11 001 00
1.5 R11 800 00
1.5 R12 100 00
"""
    log, rows = told(tmp_path, text)
    assert rows == [
        (166064000, "21A", 0, 8, "fe3612fe690507ad", "can0", ""),
        (1542473901020305, "7ED", 0, 2, "0441", "can1", ""),
        (1542473901021000, "18DB33F1", 0, 3, "02010c", "can2", ""),
        (1542473902100000, "00000123", 0, 0, "", "can3", ""),
        (7000000, "001", 0, 1, "00", "can0", ""),
    ]
    assert (log.format, log.skipped, log.passed) == ("CRTD", 2, 2)


def test_microchip(tmp_path):
    text = """//---------------------------------
Microchip Technology Inc.
CAN BUS Analyzer
Logging Started: 23/9/2015 22:17:43
//---------------------------------
166064;RX;0x0000021A;8;0xFE;0x36;0x12;0xFE;0x69;0x05;0x07;0xAD;
166064.25;TX;0x18FEF100;1;0x0a;
5;RX;0x001;0;
6;RX;0x001;2;0x01;
seven
"""
    log, rows = told(tmp_path, text)
    assert rows == [
        (166064000, "21A", 0, 8, "fe3612fe690507ad", "can0", ""),
        (166064250, "18FEF100", 0, 1, "0a", "can0", ""),
        (5000, "001", 0, 0, "", "can0", ""),
    ]
    assert (log.format, log.skipped) == ("Microchip log", 2)


BUSMASTER = """***BUSMASTER Ver 3.2.2***
***PROTOCOL CAN***
***[START LOGGING SESSION]***
***{base}***
***{mode} MODE***
***<Time><Tx/Rx><Channel><CAN ID><Type><DLC><DataBytes>***
"""


def test_busmaster_in_hexadecimal_over_midnight(tmp_path):
    text = BUSMASTER.format(base="HEX", mode="SYSTEM") + (
        "23:59:59:9990 Rx 1 0x21A s 2 FE 36 \n"
        "0:0:0:992 Tx 2 18FEF100 x 8 00 01 02 03 04 05 06 07\n"
        "0:0:1:0001 Rx 1 0x7FF sr 8\n"
        "0:0:1:0002 Rx 1 0x123 s-fd 12" + " AB" * 12 + "\n"
        "0:0:1:0003 Rx 1 ERR\n"
        "0:0:1:0003 Rx 1 0x7FF q 8\n"
        "***END DATE AND TIME 2:2:2026 16:49:37:325***\n***[STOP LOGGING SESSION]***\n"
    )
    log, rows = told(tmp_path, text)
    day = 86_400_000_000
    assert rows == [
        (day - 1000, "21A", 0, 2, "fe36", "can1", ""),
        (day + 992_000, "18FEF100", 0, 8, "0001020304050607", "can2", ""),
        (day + 1_000_100, "7FF", RTR, 8, "", "can1", ""),
        (day + 1_000_200, "123", FD, 12, "ab" * 12, "can1", ""),
        (day + 1_000_300, "000", ERR, 0, "", "can1", ""),
    ]
    assert (log.format, log.skipped) == ("BusMaster log", 1)


def test_busmaster_in_decimal_and_in_steps_and_sessions_of_both_bases(tmp_path):
    text = BUSMASTER.format(base="DEC", mode="RELATIVE") + (
        "0:0:1:0000 Rx 1 291 s 3 255 16 7\n0:0:0:5000 Rx 1 291 s 1 256\n0:0:0:5000 Rx 1 419361024 x 1 10\n"
    )
    text += BUSMASTER.format(base="HEX", mode="ABSOLUTE") + "0:0:9:0000 Rx 1 291 s 1 10\n"
    log, rows = told(tmp_path, text)
    assert rows == [
        (1_000_000, "123", 0, 3, "ff1007", "can1", ""),
        (1_500_000, "18FEF100", 0, 1, "0a", "can1", ""),
        (9_000_000, "291", 0, 1, "10", "can1", ""),
    ]
    assert "number base" in log.problems[0]


@pytest.mark.parametrize("point", [".", ","])
def test_canhacker_goes_on_where_its_minute_begins_again(tmp_path, point):
    text = """Time   ID     DLC Data                    Comment
58.876 070      8 00 B0 C8 64 9D B0 01 D6
59.999 00004000 2 36 47 a comment
00.001 00E01008 0
59.998 070 1 01 late
00.002 070 9 01
00.003 070 1 02
""".replace(".", point)
    log, rows = told(tmp_path, text)
    assert rows == [
        (58_876_000, "070", 0, 8, "00b0c8649db001d6", "can0", ""),
        (59_999_000, "00004000", 0, 2, "3647", "can0", ""),
        (60_001_000, "00E01008", 0, 0, "", "can0", ""),
        (59_998_000, "070", 0, 1, "01", "can0", ""),
        (60_003_000, "070", 0, 1, "02", "can0", ""),
    ]
    assert (log.format, log.skipped) == ("CANHacker trace", 1)


def test_carbus_analyzer(tmp_path):
    text = b"@ TEXT @ 3 @ 64 @ 0 @ 2 @ 10078 @ 00:00:10.078 @\r"
    text += b"59,500000\t1\t0004\t45A\t2\t5A 04\t00000000\tZ \t\r00,250001\t2\t0004\t18FEF100\t0\t\t00000000\t\t\r"
    log, rows = told(tmp_path, text)
    assert rows == [
        (59_500_000, "45A", 0, 2, "5a04", "can1", ""),
        (60_250_001, "18FEF100", 0, 0, "", "can2", ""),
    ]
    assert (log.format, log.skipped) == ("CARBUS Analyzer trace", 0)


def test_slcan_with_the_time_of_the_adapter(tmp_path):
    text = b"V1013\rS6\rO\rt1232AABBEA5E\rT18FEF10080011223344556677EA5F\rr12380001\rR18FEF10000002\r\x07\r"
    log, rows = told(tmp_path, text)
    assert rows == [
        (59_998_000, "123", 0, 2, "aabb", "can0", ""),
        (59_999_000, "18FEF100", 0, 8, "0011223344556677", "can0", ""),
        (60_001_000, "123", RTR, 8, "", "can0", ""),
        (60_002_000, "18FEF100", RTR, 0, "", "can0", ""),
    ]
    assert (log.format, log.skipped, log.passed, log.notes) == ("slcan text", 0, 4, [])


def test_slcan_with_the_time_of_the_host_or_none(tmp_path):
    text = "1700000000.25 t1231AA\n(1700000000.5) d1239" + "AB" * 12 + "\n[3] t0010EA5F\n"
    log, rows = told(tmp_path, text)
    assert rows == [
        (1700000000250000, "123", 0, 1, "aa", "can0", ""),
        (1700000000500000, "123", FD, 12, "ab" * 12, "can0", ""),
        (3_000_000, "001", 0, 0, "", "can0", ""),
    ]
    log, rows = told(tmp_path, "t1231AA\nt0010\nt8000\nt1239\nt1232AA\nt0010EA60\nt12\n")
    assert len(rows) == 2
    assert log.skipped == 5
    assert log.notes == ["there are frames without a time: theirs is 0"]


def test_hcrl_texts(tmp_path):
    text = """1478198376.389427,0316,8,05,21,68,09,21,21,00,6f,R
1478198376.389864,05f0,2,01,00,T
1478198376.389900,05f0,2,01,00,,,,,,,R
1478198376.389900,0800,0,R
1478198376.389900,05f0,3,01,00,R
1478198376.389900,05f0,1,01,00,R
"""
    expected = [
        (1478198376389427, "316", 0, 8, "052168092121006f", "can0", ""),
        (1478198376389864, "5F0", 0, 2, "0100", "can0", "injected"),
        (1478198376389900, "5F0", 0, 2, "0100", "can0", ""),
        (1478198376389900, "00000800", 0, 0, "", "can0", ""),
    ]
    log, rows = told(tmp_path, text)
    assert (log.format, rows, log.skipped) == ("HCRL csv", expected, 2)
    header = "Timestamp,ID,DLC,D0,D1,D2,D3,D4,D5,D6,D7,Flag\r\n"
    log, rows = told(tmp_path, header + text.replace("\n", "\r\n"))
    assert (rows, log.skipped) == (expected, 2)
    text = """Timestamp: 1479121434.850202        ID: 0350    000    DLC: 8    05 28 84 66 6d 00 00 a2
Timestamp: 1479121434.850423        ID: 02c0    100    DLC: 8
Timestamp: 1479121434.850423        ID: 02c0    000    DLC: 1
Timestamp:          0.850423        ID: 02c0    000    DLC: 0
Timestamp: 147912
"""
    log, rows = told(tmp_path, text)
    assert rows == [
        (1479121434850202, "350", 0, 8, "05288466" + "6d0000a2", "can0", ""),
        (1479121434850423, "2C0", RTR, 8, "", "can0", ""),
        (850423, "2C0", 0, 0, "", "can0", ""),
    ]
    assert (log.format, log.skipped) == ("HCRL text", 2)


def test_milliseconds_text(tmp_path):
    log, rows = told(
        tmp_path, "820298   0x085: 7C 33\n1700000000123.5 0x18FEF100:\n3 0x00000001: 1\n4 0x1: 1G\n"
    )
    assert rows == [
        (820298000, "085", 0, 2, "7c33", "can0", ""),
        (1700000000123500, "18FEF100", 0, 0, "", "can0", ""),
        (3000, "00000001", 0, 1, "01", "can0", ""),
    ]
    assert (log.format, log.skipped) == ("milliseconds text", 1)


def test_six_exports_of_one_capture_agree(recordings):
    names = ["candump.log", "GVRET_Log.csv", "CRTD_Log.txt", "MicrochipLog.log", "BusMasterLog.log"]
    read = [logs.read(recordings / "can/formats" / name) for name in [*names, "GenericID_Log.csv"]]
    first = read[0].frames
    for log in read:
        assert (len(log.frames), log.skipped) == (12_974, 0)
        for column in ("key", "dlc", "data", "flags"):
            np.testing.assert_array_equal(getattr(log.frames, column), getattr(first, column))
    for log in read[1:4]:
        np.testing.assert_array_equal(log.frames.t_us, read[1].frames.t_us)
    since = [log.frames.t_us - log.frames.t_us[0] for log in read]
    np.testing.assert_array_equal(since[4], since[1])
    np.testing.assert_array_equal(since[0] // 1_000_000, (read[1].frames.t_us // 1_000_000) - 166)
    assert not since[5].any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hyundai-kona/230112-7-2019-pcan-ccan-power-off-on-ready-off.csv", ("GVRET csv", 39_546, 2, 1845)),
        ("hyundai-kona/250105-1-2020-comp-can-heating.csv", ("GVRET csv", 27_982, 1, 1)),
        ("outlander-phev/202109061515-steering-lock-to-lock.csv", ("GVRET csv", 19_871, 2, 2854)),
        ("formats/mustang-s550.txt.gz", ("milliseconds text", 87_212, 1, 0)),
        ("formats/CarBusAnalyzer.trc", ("CARBUS Analyzer trace", 55, 1, 0)),
    ],
)
def test_recordings_keep_their_buses_and_their_backward_steps(recordings, name, expected):
    log = logs.read(recordings / "can" / name)
    steps_back = int((np.diff(log.frames.t_us) < 0).sum())
    assert (log.skipped, log.notes) == (0, [])
    assert (log.format, len(log.frames), len(log.frames.buses), steps_back) == expected
