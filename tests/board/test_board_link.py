"""The host's end of the line: ports that are not there, boards that do not answer, lines that are noise."""

import errno
import os
import time
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_cases import MemoryBoard
from canbean.board import link, port, settings
from canbean.board.firmware import module
from canbean.board.flash import ports
from canbean.board.link import Board, Lines
from canbean.board.reference_meter import ReferenceMeter
from canbean.errors import BoardError, UsageError
from canbean_run import canbean


def lines_of(n, boot="9f3a01c2", start=0):
    out = bytearray()
    sender = module("lines").Lines(out.extend, boot)
    sender.seq = start
    for i in range(n):
        sender.send("x", (("i", start + i), ("text", '"{}\\')))
    return bytes(out)


OPENING = (Board, ReferenceMeter, ports.check_free)
"""What opens a port."""


@pytest.mark.parametrize("opening", OPENING)
def test_a_port_that_is_not_there(opening):
    with pytest.raises(BoardError, match="/dev/no-such-port: no such port: is the board plugged in"):
        opening("/dev/no-such-port")
    for speed in ("fast", "12"):
        with pytest.raises(
            BoardError, match=f"ort@{speed}: no speed '{speed}': give a number .* /dev/no-such-port@9600"
        ):
            opening(f"/dev/no-such-port@{speed}")


def test_the_list_says_in_short_why_a_port_was_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(ports.list_ports, "comports", list)
    main, held = os.openpty()
    taken = port.opened(os.ttyname(held))
    try:
        for name, short in (
            (str(tmp_path), "no serial port"),
            ("/dev/null", "no serial port"),
            ("/dev/no-such-port", "no such port"),
            ("/dev/no-such-port@12", "no such speed"),
            (os.ttyname(held), "busy"),
        ):
            done = canbean("board", "list", "-p", name)
            row = next(line for line in done.out.splitlines() if line.split()[:1] == [name])
            assert row.split("  ")[-2 if row.endswith("  ") else -1].strip() == short
            # the whole words stay
            assert f"{name}: " in done.err
    finally:
        taken.close()
        os.close(main)
        os.close(held)
    assert port.in_short("P: no canbean board answered within 2 s: is the firmware on it") is None


@pytest.mark.parametrize("opening", OPENING)
def test_a_port_that_is_no_port(opening, tmp_path):
    (tmp_path / "file").write_text("")
    for wrong, what in ((tmp_path / "file", "file"), (tmp_path, "folder")):
        with pytest.raises(BoardError, match=f"is a {what}, no serial port: `canbean board list`") as caught:
            opening(str(wrong))
        assert "ioctl" not in str(caught.value)
    with pytest.raises(BoardError, match="null: is no serial port: `canbean board list`"):
        opening(os.devnull)
    with pytest.raises(BoardError, match="cannot open this port"):
        opening("nothing://like-this")


@pytest.mark.parametrize("opening", OPENING)
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EACCES, "could not open port"), "no permission"),
        (OSError(errno.EBUSY, "could not open port"), "another program has it"),
        (OSError(errno.EAGAIN, "Could not exclusively lock port"), "another program has it"),
        # as pyserial has them on Windows
        (OSError("could not open port 'COM3': FileNotFoundError(2, '...', None, 2)"), "no such port"),
        (
            OSError("could not open port 'COM3': PermissionError(13, '...', None, 5)"),
            "another program has it",
        ),
    ],
)
def test_a_port_that_cannot_be_had(opening, error, words, monkeypatch):
    def refuse(*_args, **_named):
        raise error

    monkeypatch.setattr(port.serial, "serial_for_url", refuse)
    with pytest.raises(BoardError, match=f"COM3: {words}"):
        opening("COM3")


def test_a_board_that_takes_no_bytes(monkeypatch):
    monkeypatch.setattr(port, "WRITE_S", 0.1)
    master, slave = os.openpty()
    tty.setraw(slave)
    board = Board.__new__(Board)
    board.port, board._serial = "it", port.opened(os.ttyname(slave))
    with pytest.raises(BoardError, match="it: the board does not take bytes: unplug it"):
        board.write(bytes(1 << 20))
    board.close()
    os.close(slave)
    os.close(master)


def test_one_program_at_a_time_has_a_port():
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        with ReferenceMeter(os.ttyname(slave)), pytest.raises(BoardError, match="another program has it"):
            Board(os.ttyname(slave))
        ports.check_free(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


def test_a_loader_has_its_own_speed():
    with pytest.raises(UsageError, match=r"give --port COM3$"):
        ports.check_free("COM3@9600")


def test_a_port_with_nobody_behind_it():
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        with pytest.raises(BoardError, match=r"no canbean board answered within 0\.1 s") as caught:
            Board(os.ttyname(slave), timeout=0.1)
        assert "\n" not in str(caught.value)
        assert os.read(master, 100).startswith(b"\0hello\n")
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_that_another_program_reads_too(monkeypatch):
    memory = MemoryBoard()
    monkeypatch.setattr(link.serial, "serial_for_url", lambda *args, **kwargs: memory)
    board = Board("memory", clock=memory.clock)

    def read(_size):
        # pyserial's own words
        raise link.serial.SerialException(
            "device reports readiness to read but returned no data (device disconnected or multiple access on port?)"
        )

    memory.read = read
    with pytest.raises(
        BoardError, match="went away: it was unplugged, or another program reads from this port too"
    ):
        list(board.read())


def test_a_board_that_talks_before_and_after_a_reset(monkeypatch):
    memory = MemoryBoard()
    memory.outgoing += b"\xff\x00 ets Jan  8 2013,rst cause:2\r\nhalf a line" + lines_of(1)[20:]
    monkeypatch.setattr(link.serial, "serial_for_url", lambda *args, **kwargs: memory)
    board = Board("memory", clock=memory.clock)
    assert board.hello["app"] == "gateway"
    assert (board.lines.noise, board.lines.lost) == (0, 0)


class RatedBoard(MemoryBoard):
    """A meter whose line has a speed: of what the other end sends or hears with another one nothing is left."""

    def __init__(self):
        super().__init__()
        self.baudrate = self.own = 115200
        self.kept = {}
        for name in ("set", "unset", "settings"):
            self.console.commands[name] = lambda words, name=name: self.change(name, words)

    def change(self, name, words):
        if name == "set" and words[0] == "baud" and not 1200 <= int(words[1]) <= 921600:
            raise ValueError("baud: 1200 to 921600")
        if name == "set":
            self.kept[words[0]] = words[1]
        elif name == "unset":
            del self.kept[words[0]]
        self.own = int(self.kept.get("baud", 115200))
        for one in self.kept.items() if name == "settings" else ():
            self.console.lines.send("setting", (("name", one[0]), ("words", one[1])))
        keys = ("number", "digest", "slot", "threshold", "rules")
        self.console.lines.send("settings", tuple((key, None) for key in keys))

    def write(self, data):
        return super().write(data if self.baudrate == self.own else b"")

    def read(self, size):
        # what is said leaves with the speed of the board at its end
        data = super().read(size)
        return data if self.baudrate == self.own else b""

    def flush(self):
        while self.console.link.poll():
            pass


def test_both_ends_of_a_line_change_their_speed(monkeypatch):
    memory = RatedBoard()
    opened = []

    def open_url(device, baudrate, **_):
        opened.append(device)
        memory.baudrate = baudrate
        return memory

    monkeypatch.setattr(link.serial, "serial_for_url", open_url)
    board = Board("memory", clock=memory.clock)
    settings.change(board, "set swap 1")
    settings.change(board, "set baud 9600")
    assert (board.baud, settings.read(board).lines) == (9600, (("swap", "1"), ("baud", "9600")))
    # opened as it was before nobody answers, and says what may be the matter
    with pytest.raises(BoardError, match="give it: PORT@9600"):
        Board("memory", timeout=0.5, clock=memory.clock)
    board = Board("memory@9600", clock=memory.clock)
    assert (opened[-1], board.port, board.baud) == ("memory", "memory@9600", 9600)
    settings.change(board, "unset baud")
    assert (board.baud, memory.own, settings.read(board).lines) == (115200, 115200, (("swap", "1"),))


def test_a_speed_that_the_board_refuses(monkeypatch):
    memory = RatedBoard()
    monkeypatch.setattr(link.serial, "serial_for_url", lambda *args, **kwargs: memory)
    board = Board("memory", clock=memory.clock)
    hear = board.hear
    monkeypatch.setattr(board, "hear", lambda name, kind: hear(name, kind, 0.2))
    with pytest.raises(BoardError, match="keeps its 115200 baud"):
        settings.change(board, "set baud 5")
    assert board.baud == 115200
    assert settings.read(board).lines == ()


def test_records_of_a_board_that_falls_silent(monkeypatch):
    memory = MemoryBoard()
    monkeypatch.setattr(link.serial, "serial_for_url", lambda *args, **kwargs: memory)
    board = Board("memory", clock=memory.clock)
    memory.outgoing += lines_of(3, "0000beef") + b"noise"
    got = []
    with pytest.raises(BoardError, match=r"^memory: the board has said nothing for 0\.05 s") as caught:
        for record in board.records(silence=0.05):
            got.append(record.values.get("i"))
            # longer than that
            time.sleep(0.06)
    assert [i for i in got if i is not None] == [0, 1, 2]
    assert "\n" not in str(caught.value)


def test_a_late_hello_is_waited_for(monkeypatch):
    memory = MemoryBoard()
    read = memory.read

    def deaf(size):
        memory.now += 0.1
        if memory.now < 4:
            memory.incoming.clear()
            return b""
        return read(size)

    memory.read = deaf
    monkeypatch.setattr(link.serial, "serial_for_url", lambda *args, **kwargs: memory)
    assert Board("memory", clock=memory.clock).hello
    memory.now = 0.0
    with pytest.raises(BoardError, match="no canbean board answered within 3 s"):
        Board("memory", timeout=3.0, clock=memory.clock)


@given(st.lists(st.integers(1, 40)))
def test_lines_in_any_pieces(sizes):
    data = lines_of(10)
    lines = Lines()
    records = []
    for size in [*sizes, len(data)]:
        records += lines.take(data[:size])
        data = data[size:]
    assert [record.values["i"] for record in records] == list(range(10))
    assert (lines.noise, lines.lost, lines.boot) == (0, 0, "9f3a01c2")


def test_a_record_without_what_differs_from_run_to_run():
    (record,) = Lines().take(lines_of(1))
    assert record.bare == b'{"type":"x","i":0,"text":"\\u0022{}\\u005c"}'
    out = bytearray()
    module("lines").Lines(out.extend, "00000000").send("x")
    (record,) = Lines().take(bytes(out))
    assert record.bare == b'{"type":"x"}'


def test_gaps_are_counted():
    lines = Lines()
    data = lines_of(10).splitlines(keepends=True)
    got = list(lines.take(b"".join(data[2:4] + data[7:])))
    assert [record.values["i"] for record in got] == [2, 3, 7, 8, 9]
    # what came before the first line is not known
    assert lines.lost == 3


def test_a_new_boot_counts_from_its_own_start():
    lines = Lines()
    list(lines.take(lines_of(5)))
    list(lines.take(lines_of(2, boot="00000001", start=3)))
    assert lines.boot == "00000001"
    assert lines.lost == 0


def test_a_doubled_line_is_taken_once():
    lines = Lines()
    first = lines_of(1)
    assert len(list(lines.take(first + first))) == 1
    assert (lines.noise, lines.twice) == (0, 1)


@pytest.mark.parametrize("at", range(0, 90, 3))
def test_no_changed_byte_goes_through(at):
    for change in (1, 8, 0x20, 0x80):
        bad = bytearray(lines_of(1))
        if at >= len(bad) - 1:
            return
        bad[at] ^= change
        lines = Lines()
        assert list(lines.take(bytes(bad) + b"\n" + lines_of(1, start=1))) != []
        assert lines.noise >= 1


@given(
    st.lists(
        st.binary(max_size=80)
        | st.sampled_from([b'{"type":"x","boot":"', b'"crc":"', b"\n", lines_of(1)[:-3]])
    )
)
def test_garbage_never_stops_it(parts):
    lines = Lines()
    for part in parts:
        list(lines.take(part))
    assert len(list(lines.take(b"\n" + lines_of(3)))) == 3


def test_a_line_without_end_is_noise_and_not_kept():
    lines = Lines()
    for _ in range(100):
        assert not list(lines.take(b"x" * 1000))
    assert lines.noise >= 20
    assert len(list(lines.take(b"\n" + lines_of(2)))) == 2


def test_json_that_is_none_behind_a_right_crc():
    high, low = module("lines").crc32(b'{"type":"x","boot":"00000000","seq":0,"a":')
    lines = Lines()
    assert not list(
        lines.take(b'{"type":"x","boot":"00000000","seq":0,"a":,"crc":"%04x%04x"}\n' % (high, low))
    )
    assert lines.noise == 1
