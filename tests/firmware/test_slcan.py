"""The slcan commands on the real VM: every answer, every frame, what is refused, and a fuzz of its parser."""

import json
import random
from pathlib import Path

import pytest

from canbean.board import firmware

HARNESS = (Path(__file__).parents[1] / "slcan_vm.py").read_text()
EXT = 1 << 29


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    place = tmp_path_factory.mktemp("board")
    firmware.build(place, "gateway", "linux")
    return place


@pytest.fixture
def play(files, vm, tmp_path):
    def run(*steps, settings="", key=False, **options):
        if settings:
            # as firmware/commands/overlay.py writes them
            import hashlib

            body = b"sequence 1\n" + settings.encode()
            digest = hashlib.sha256(body).hexdigest()[:16].encode()
            (tmp_path / "settings1").write_bytes(body + b"digest " + digest + b"\n")
        if key:
            (tmp_path / "key").write_text("00" * 32)
        plain = [[kind, list(what) if isinstance(what, bytes) else what] for kind, what in steps]
        (tmp_path / "steps.json").write_text(json.dumps({"options": options, "steps": plain}))
        done = json.loads(vm.run(HARNESS, "steps.json", path=(files,), cwd=tmp_path))
        done["said"] = [bytes(said) for said in done["said"]]
        return done

    return run


def say(text):
    return "in", text if isinstance(text, bytes) else text.encode()


def frame(key, data=b"", flags=0, *, s=61, us=234_567, code=None):
    code = len(data) if code is None else code
    record = s.to_bytes(4, "little") + (us | code << 20).to_bytes(3, "little")
    return "frame", record + (key | flags << 30).to_bytes(4, "little") + data.ljust(8, b"\0")


def ours(said):
    """Frames of the board's own in what it said, by their number in the DBC, as bytes."""
    lines = [line for line in said.split(b"\r") if line.startswith(b"T1FBEA50")]
    return [(int(line[8:9]), bytes.fromhex(line[10:26].decode())) for line in lines]


def bus_frames(said):
    return b"".join(line + b"\r" for line in said.split(b"\r")[:-1] if not line.startswith(b"T1FBEA50"))


def test_as_python_can_opens_and_closes(play):
    done = play(
        *map(say, ("C\r", "S6\r", "\r", "O\r", "O\r")), frame(0x123, b"\x01\xab"), say("C\r"), say("hello\n")
    )
    assert done["said"][:5] == [b"\r", b"\r", b"", b"\r", b"\r"]
    assert bus_frames(done["said"][5]) == b"t123201AB\r"
    assert done["said"][6] == b"\r"
    assert done["said"][7].startswith(b'{"type":"hello"')
    assert done["calls"] == []
    assert done["left"] == []
    assert done["errors"] == 0
    assert done["seen"] == 1


def test_every_sort_of_frame(play):
    done = play(
        say("O\r"),
        frame(1),
        frame(0x7FF, bytes(range(0xF8, 0x100))),
        frame(0x18FEF100 | EXT, b"\x09"),
        frame(0x1FFFFFFF | EXT, b"12345678"),
        frame(0x100, flags=2, code=4),
        frame(5 | EXT, flags=2, code=0),
        # classic frames may say more than 8 and have 8
        frame(2, bytes(8), code=15),
        say("Z1\r"),
        frame(3, b"a"),
        frame(3, b"a", s=119, us=999_999),
        say("Z0\r"),
        frame(3, b"a"),
    )
    assert [bus_frames(said) for said in done["said"][1:]] == [
        b"t0010\r",
        b"t7FF8F8F9FAFBFCFDFEFF\r",
        b"T18FEF100109\r",
        b"T1FFFFFFF83132333435363738\r",
        b"r1004\r",
        b"R000000050\r",
        b"t00280000000000000000\r",
        b"\r",
        b"t0031610" + b"4D2\r",
        b"t003161EA5F\r",
        b"\r",
        b"t003161\r",
    ]
    assert done["seen"] == 10


def test_what_the_protocol_cannot_tell_is_counted(play):
    done = play(
        say("O\r"), frame(1, s=1), frame(1, bytes(8), flags=1, code=9), frame(4, flags=3), frame(1, s=2)
    )
    assert [bus_frames(said) for said in done["said"][1:]] == [b"t0010\r", b"", b"", b"t0010\r"]
    number, data = ours(done["said"][4])[0]
    assert (number, data[0]) == (3, 2)
    assert done["seen"] == 4


def test_an_alert_is_three_frames(play):
    done = play(
        say("O\r"),
        frame(0x666 | EXT, b"\x01"),
        frame(0x666, b"\x00"),
        say("C\r"),
        frame(0x666, b"\x01"),
        say("hello\n"),
    )
    first = [one for one in ours(done["said"][1]) if one[0] < 3]
    named = (0x666).to_bytes(2, "little") + (0x6000).to_bytes(2, "little")
    assert first == [
        (0, bytes((3, 9, 2, 1)) + (31 * 16 + 1).to_bytes(2, "little") + (200).to_bytes(2, "little")),
        (1, named + (66000 & 65535).to_bytes(2, "little") + bytes((255, 1))),
        (2, (70000).to_bytes(4, "little") + (123_456).to_bytes(3, "little") + b"\x01"),
    ]
    assert ours(done["said"][2])[1] == (1, bytes(4) + (66000 & 65535).to_bytes(2, "little") + bytes((255, 2)))
    assert b"{" not in b"".join(done["said"][:4])
    # the two that came as frames have numbers too: a host sees that they are missing
    assert b'"type":"alert"' in done["said"][4]
    assert b'"seq":2' in done["said"][4]


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("V\r", b"V0101\r"),
        ("Z1\r", b"\r"),
        ("Z2\r", b"\a"),
        ("S9\r", b"\a"),
        ("S\r", b""),
        ("F\r", b"\a"),
        ("C\r", b"\r"),
        ("SX\r", b"\a"),
        ("O1\r", b"\a"),
    ],
)
def test_answers_while_closed(play, sent, answer):
    done = play(say(sent))
    assert done["said"] == [answer or done["said"][0]]
    assert done["calls"] == []


def test_serial_number_and_words(play):
    done = play(say("N\r"), say("status\n"), say("N\r"), say("nonsense\n"))
    assert done["said"][0][:1] == b"N"
    assert len(done["said"][0]) == 6
    assert done["said"][1].startswith(b'{"type":"status"')
    assert done["said"][3].startswith(b'{"type":"error"')


def test_words_close_the_channel(play):
    done = play(say("O\r"), frame(1), say("status\n"), frame(1), say("reset\r"), say("O\r"), frame(1))
    assert done["said"][2].startswith(b'{"type":"status"')
    assert done["said"][3] == b""
    assert bus_frames(done["said"][6]) == b"t0010\r"
    assert done["seen"] == 3


def test_bit_rates(play):
    done = play(
        *map(say, ("S6\r", "O\r", "S5\r", "C\r", "S5\r", "O\r", "L\r", "C\r", "S7\r", "O\r", "C\r")),
        fails=800_000,
    )
    assert done["said"] == [b"\r", b"\r", b"\a", b"\r", b"\r", b"\r", b"\r", b"\r", b"\r", b"\a", b"\r"]
    assert done["calls"] == [
        ["stop"],
        ["start", 250_000, True],
        ["stop"],
        ["start", 500_000, True],
        ["stop"],
        ["start", 800_000, True],
        ["start", 500_000, True],
    ]


def test_settings_of_the_board(play):
    done = play(*map(say, ("L\r", "O\r", "C\r", "O\r", "L\r")), settings="bitrate 250000\nlisten 0\n")
    assert done["said"] == [b"\r", b"\r", b"\r", b"\r", b"\a"]
    assert done["calls"] == [["stop"], ["start", 250_000, True], ["stop"], ["start", 250_000, False]]


def test_a_key_holds_the_bit_rate(play):
    done = play(*map(say, ("S5\r", "O\r", "C\r", "S6\r", "O\r")), key=True)
    assert done["said"] == [b"\r", b"\a", b"\r", b"\r", b"\r"]
    assert done["calls"] == []


@pytest.mark.parametrize(
    ("settings", "mode", "allowed"),
    [
        ("", "O", False),
        ("transmit 1\n", "O", False),
        ("transmit 1\nlisten 1\n", "O", False),
        ("listen 0\n", "O", False),
        ("listen 0\ntransmit 0\n", "O", False),
        ("listen 0\ntransmit 1\n", "L", False),
        ("listen 0\ntransmit 1\n", "O", True),
    ],
)
def test_transmitting_must_be_enabled(play, settings, mode, allowed):
    done = play(
        say("t1230\r"),
        say("C\r"),
        say("S6\r"),
        say("t1230\r"),
        say(f"{mode}\r"),
        say("t1232ABcd\r"),
        say("T18FEF1000\r"),
        settings=settings,
    )
    sent = [call for call in done["calls"] if call[0] == "send"]
    assert done["said"][0].startswith(b'{"type":"error"')
    # not one of those that begin the protocol
    assert done["said"][3].startswith(b'{"type":"error"')
    assert done["said"][5:] == ([b"z\r", b"Z\r"] if allowed else [b"\a", b"\a"])
    assert sent == ([["send", 0x123, 2, [0xAB, 0xCD]], ["send", 0x18FEF100 | EXT, 0, []]] if allowed else [])


def test_what_is_sent_must_be_a_frame(play):
    good = {
        "T98FEF1001ff": 0x18FEF100 | EXT,
        "t7FF81122334455667788": 0x7FF,
    }
    bad = ["t8000", "T20000000", "T200000000", "t1231", "t12310", "t123", "t12391122334455667788AA", "t+120", "t1_20", "t 120", "t1230 ", "r1230", "R000000010", "t12371122334455667 7", "t12371122334455AABB"]  # fmt: skip
    done = play(
        say("O\r"),
        *(say(one + "\r") for one in [*good, *bad]),
        settings="listen 0\ntransmit 1\n",
    )
    assert done["said"][1:3] == [b"Z\r", b"z\r"]
    assert done["said"][3:] == [b"\a"] * len(bad)
    assert [call[1] for call in done["calls"]] == list(good.values())


def test_status_flags(play):
    done = play(
        *(say("O\r"), say("F\r"), ("lost", 1), say("F\r"), say("F\r")),
        *(("bus", ["warning", 0, 0]), say("F\r"), ("bus", ["passive", 1, 2]), say("F\r")),
        *(frame(1, flags=1), say("F\r"), ("bus", ["bus-off", 1, 2]), say("F\r")),
    )
    said = [one for one in done["said"] if one.startswith(b"F")]
    assert said == [b"F00\r", b"F08\r", b"F00\r", b"F04\r", b"FA8\r", b"F21\r", b"F20\r"]


def test_a_slow_line_shows_what_it_has_room_for(play):
    steps = [say("O\r")]
    for n in range(100):
        steps += [frame(0x100 + n, bytes(8), s=n // 50), ("us", 250)]
    done = play(*steps, ("us", 1_000_000), frame(0x666, b"\x01", s=9), baud=115_200)
    shown = [bus_frames(said) for said in done["said"][1:-2] if said]
    lines = b"".join(done["said"][1:-2])
    # 100 frames of 22 bytes in 25 ms: what the line carries in that time, and its FIFO
    assert 10 < sum(map(bool, shown)) < 20
    assert len(lines) <= 11.52 * 25 + 100 + 3 * 27
    assert done["seen"] == 101
    state = dict(ours(done["said"][-1]))[3]
    assert int.from_bytes(state[:3], "little") == 100 - sum(map(bool, shown))
    assert len([1 for number, _ in ours(done["said"][-1]) if number < 3]) == 3


def test_detectors_come_first(play):
    """While more than half of the ring waits for them, no time goes into showing."""
    steps = [say("O\r"), ("waits", 3), frame(1), ("waits", 2), frame(2)]
    assert [bus_frames(said) for said in play(*steps, baud=115_200)["said"][2::2]] == [b"", b"t0020\r"]
    assert [bus_frames(said) for said in play(*steps)["said"][2::2]] == [b"t0010\r", b"t0020\r"]


def test_the_bus_as_a_frame_once_a_second(play):
    done = play(
        say("O\r"),
        ("bus", ["bus-off", 2, 300]),
        ("lost", 70_000),
        *(frame(1, s=s) for s in (5, 5, 6)),
    )
    found = [ours(said) for said in done["said"][3:]]
    data = bytes(3) + b"\xff\xff" + (300).to_bytes(2, "little") + b"\x03"
    assert found == [[(3, data)], [], [(3, data)]]


def test_without_a_bus(play):
    done = play(*map(say, ("C\r", "V\r", "O\r", "F\r", "hello\n")), bus=False)
    assert done["said"][:4] == [b"\r", b"V0101\r", b"\a", b"\a"]
    assert done["said"][4].startswith(b'{"type":"hello"')


def test_noise_never_stops_it_nor_sends(play):
    dice = random.Random(6)
    words = [b"O\r", b"L\r", b"C\r", b"S6\r", b"S5\r", b"Z1\r", b"F\r", b"V\r", b"N\r", b"t1230\r", b"T000001230\r",
             b"r1230\r", b"hello\n", b"status\n", b"\r", b"s031C\r", b"X1\r", b"\x02\x03abc\0"]  # fmt: skip
    steps = []
    for _ in range(3000):
        choice = dice.random()
        if choice < 0.15:
            steps.append(
                frame(dice.randrange(1 << 30), dice.randbytes(8), dice.randrange(4), s=dice.randrange(99))
            )
            continue
        text = bytearray(dice.choice(words))
        if choice < 0.7:
            for _ in range(dice.randrange(1, 3)):
                at = dice.randrange(len(text) + 1)
                text[at : at + dice.randrange(2)] = dice.randbytes(dice.randrange(3))
        elif choice < 0.75:
            text = bytearray(dice.randbytes(dice.randrange(200)))
        steps.append(say(bytes(text)))
    frames = sum(kind == "frame" for kind, _ in steps)
    done = play(*steps, say(b"\0\n\rC\r"), say("hello\n"), settings="listen 1\n")
    assert done["seen"] == frames
    assert b'"type":"hello"' in done["said"][-1]
    assert [call for call in done["calls"] if call[0] == "send"] == []
    last = [call for call in done["calls"] if call[0] == "start"][-1:]
    assert last in ([], [["start", 500_000, True]])
    assert done["left"] == []


def test_ids_of_alerts_as_the_board_has_them(play):
    done = play(say("O\r"), frame(0x666, b"\x01"), settings=f"alertid {0x18FF0000}\n")
    ids = [line[1:9] for line in done["said"][1].split(b"\r") if line.startswith(b"T")]
    assert ids == [b"18FF0003", b"18FF0000", b"18FF0001", b"18FF0002"]


ALLOCATION = """
import gc
from commands.slcan_channel import Channel

class Any:
    pass

app = Any()
app.board, app.console, app.lines, app.watch, app.ring, app.bus = [Any() for _ in range(6)]
app.board.BAUD = {baud}
app.board.ticks_us = lambda: 0
app.console.link = Any()
app.console.link.on_command = app.console.link.on_packet = None
app.lines.write = app.lines.send = lambda data: None
app.watch.frame = lambda records, at: None
app.bus.status = lambda: ("ok", 0, 0)
app.ring.lost = app.ring.count = 0
app.ring.n = 16
Channel(app, 0x1FBEA500, True)
records = bytes({records})

def some(n):
    for at in range(0, 19 * n, 19):
        app.watch.frame(records, at % 190)

some(20)
gc.collect()
gc.disable()
before = gc.mem_alloc()
some(1000)
first = gc.mem_alloc() - before
before = gc.mem_alloc()
some(3000)
print(gc.mem_alloc() - before - first)
"""


@pytest.mark.parametrize("baud", [0, 1_000_000_000, 9600])
def test_showing_frames_allocates_nothing(vm, files, baud):
    keys = (0x123, 0x18FEF100 | EXT)
    records = b"".join(frame(keys[n % 2], bytes(range(n % 9)))[1] for n in range(10))
    assert vm.run(ALLOCATION.format(baud=baud, records=list(records)), path=(files,)) == "0\n"
