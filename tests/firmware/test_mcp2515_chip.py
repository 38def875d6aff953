"""The model of the MCP2515 against what its datasheet says (Microchip DS20001801, sections in the comments)."""

import pytest

from mcp2515_chip import CANCTRL, CANINTF, CANSTAT, CNF3, EFLG, LISTEN, NORMAL, RXCTRL, TEC, TXCTRL, Chip

EXT = 1 << 29
READ, WRITE, MODIFY, RX_STATUS = 3, 2, 5, 0xB0


class Spi:
    """A chip out of its reset, and single transactions."""

    def __init__(self):
        self.chip = Chip()
        for _ in range(3):
            self(READ, CANSTAT, 0)

    def __call__(self, *out):
        into = bytearray(len(out))
        self.chip.cs(0)
        self.chip.write_readinto(bytes(out), into)
        self.chip.cs(1)
        return into

    def read(self, at):
        return self(READ, at, 0)[2]


@pytest.fixture
def spi():
    return Spi()


def test_after_a_reset(spi):
    # Table 11-1: configuration mode, clock out by 8; mirrored in every row
    for row in range(8):
        assert spi(READ, row << 4 | CANSTAT, 0, 0)[2:] == bytes((0x80, 0x87))
    assert spi.read(CANINTF) == spi.read(EFLG) == spi.read(0x2B) == spi.read(TEC) == 0
    # asleep for 128 clocks of its crystal (section 8.1)
    spi(WRITE, CNF3, 5)
    spi(0xC0)
    assert spi(READ, CANCTRL, 0)[2] == 0
    spi(READ, CANCTRL, 0)
    assert spi(READ, CANCTRL, 0)[2] == 0x87
    assert spi.read(CNF3) == 0


def test_only_configuration_mode_takes_timing_masks_and_filters(spi):
    # section 10.1; masks and filters read as 0 elsewhere
    spi(WRITE, CNF3, 1, 2, 3)
    spi(WRITE, 0x20, 0xFF, 0xFF)
    assert spi(READ, CNF3, 0, 0, 0)[2:] == b"\x01\x02\x03"
    # EXIDE is no bit of a mask
    assert spi(READ, 0x20, 0, 0)[2:] == b"\xff\xe3"
    spi(WRITE, CANCTRL, 0x60)
    assert spi.chip.mode == LISTEN
    spi(WRITE, CNF3, 7)
    spi(WRITE, 0x20, 1)
    assert spi.read(CNF3) == 1
    assert spi.read(0x20) == 0
    spi(WRITE, CANCTRL, 0x80)
    assert spi.read(0x20) == 0xFF


def test_bits_change_in_some_registers_only(spi):
    # section 12.10: elsewhere the mask is taken as FF
    spi(WRITE, CANINTF, 0xF0)
    spi(MODIFY, CANINTF, 0x81, 0x01)
    assert spi.read(CANINTF) == 0x71
    spi(WRITE, 0x36, 0xF0)
    spi(MODIFY, 0x36, 0x81, 0x01)
    assert spi.read(0x36) == 0x01
    # read-only ones do not
    spi(WRITE, TEC, 9)
    spi(WRITE, EFLG, 0xFF)
    spi(WRITE, CANSTAT, 0)
    assert (spi.read(TEC), spi.read(EFLG), spi.read(CANSTAT)) == (0, 0xC0, 0x80)


def listening(spi, control, *filters):
    """In listen-only mode with RXB0CTRL set, all masks 0 but those given as (address, bytes)."""
    spi(WRITE, 0, *bytes(12))
    spi(WRITE, 16, *bytes(12))
    for at, registers in filters:
        spi(WRITE, at, *registers)
    spi(WRITE, RXCTRL[0], control)
    spi(WRITE, CANCTRL, 0x60)


def test_rollover_and_overflow(spi):
    # figure 4-3
    listening(spi, 0)
    assert [spi.chip.receive(1, 0), spi.chip.receive(2, 0)] == [0, -1]
    assert spi.read(EFLG) == 0x40
    spi(WRITE, RXCTRL[0], 4)
    assert [spi.chip.receive(3, 0), spi.chip.receive(4, 0)] == [1, -1]
    assert spi.read(EFLG) == 0xC0
    # BUKT is read twice
    assert spi.read(RXCTRL[0]) & 4


def test_reading_a_buffer_frees_it_when_cs_rises(spi):
    # section 12.4
    listening(spi, 4)
    spi.chip.receive(0x123, 2, b"ab")
    spi.chip.cs(0)
    spi.chip.write_readinto(b"\x90" + bytes(13), bytearray(14))
    assert spi.chip.r[CANINTF] & 1
    spi.chip.cs(1)
    assert not spi.chip.r[CANINTF] & 1
    # a plain READ does not
    spi.chip.receive(0x123, 2, b"ab")
    assert spi(READ, 0x61, 0, 0, 0, 0, 0, 0, 0)[2:] == bytes((0x24, 0x60, 0, 0, 2)) + b"ab"
    assert spi.read(CANINTF) & 1
    assert spi(0x92, 0, 0)[1:] == b"ab"


def test_rx_status(spi):
    # figure 12-9: buffers, extended, remote, filter; RXF1 takes extended frames here
    listening(spi, 4, (5, (8,)))
    assert spi(RX_STATUS, 0, 0)[1:] == b"\0\0"
    spi.chip.receive(EXT | 5, 0, remote=True)
    assert spi(RX_STATUS, 0)[1] == 0b01_0_11_001
    spi.chip.receive(EXT | 5, 0)
    assert spi(RX_STATUS, 0)[1] == 0b11_0_11_001
    spi(0x90, 0)
    # rolled over into buffer 1
    assert spi(RX_STATUS, 0)[1] == 0b10_0_10_111
    spi(0x94, 0)
    spi.chip.receive(5, 0, remote=True)
    assert spi(RX_STATUS, 0)[1] == 0b01_0_01_000


def test_standard_frames_are_compared_with_their_first_two_bytes(spi):
    # figure 4-5: where the mask goes beyond eleven bits
    listening(
        spi,
        4,
        (0x20, (0, 0, 0xFF, 0x0F)),
        (0, (0, 0, 0xAB, 0x0D)),
        (4, (0, 0, 0xAB, 0x0D)),
        (0x24, (255, 0xE0)),
    )
    assert spi.chip.receive(0x700, 2, b"\xab\xcd") == 0
    assert spi.chip.receive(0x700, 2, b"\xab\xce") is None
    assert spi.chip.receive(0x700, 2, b"\xaa\xcd") is None


def test_buffers_without_filters_take_all(spi):
    listening(spi, 0x60, (0, (0xFF, 0xEB)))
    assert spi.chip.receive(1, 0) == 0
    assert spi.chip.receive(EXT | 1, 0) == -1


def sending(spi, control):
    spi(WRITE, CANCTRL, control)
    spi.chip.busy = True
    spi(0x40, 0x24, 0x60, 0, 0, 1, 0x55)
    spi(0x81)
    assert spi(0xA0, 0)[1] == 0b100


def test_sends_again_and_again(spi):
    sending(spi, 0)
    assert spi.chip.mode == NORMAL
    for _ in range(31):
        spi.chip.fail()
    assert spi.read(EFLG) == 0b10101
    spi.chip.fail()
    # register 6-3: TEC is beyond 255; back after 128 times eleven recessive bits
    assert spi.read(EFLG) & 0x20
    spi.chip.busy = False
    spi.chip.transmit()
    assert not spi.chip.sent
    spi.chip.idle()
    spi.chip.transmit()
    assert spi.chip.sent == [(0x123, 1, b"\x55", False)]
    assert spi(0xA0, 0)[1] == 0b1000


def test_one_shot_tries_once(spi):
    # section 3.4
    sending(spi, 8)
    spi.chip.fail()
    assert spi.read(TXCTRL[0]) & 0x18 == 0x10
    spi.chip.busy = False
    spi.chip.transmit()
    assert not spi.chip.sent


def test_a_mode_waits_for_what_is_being_sent(spi):
    sending(spi, 0)
    spi(WRITE, CANCTRL, 0x60)
    assert spi.chip.mode == NORMAL
    spi.chip.busy = False
    spi.chip.transmit()
    assert spi.chip.mode == LISTEN


def test_it_sends_nothing_while_it_listens(spi):
    spi(WRITE, CANCTRL, 0x60)
    spi(0x40, 0x24, 0x60, 0, 0, 0)
    spi(0x81)
    assert not spi.chip.sent


def test_errors_are_not_counted_while_it_listens(spi):
    # section 10.4
    spi(WRITE, CANCTRL, 0)
    spi.chip.faulty()
    assert spi.read(0x1D) == 1
    spi(WRITE, CANCTRL, 0x60)
    assert spi.read(0x1D) == 0
    spi.chip.faulty()
    assert spi.read(0x1D) == 0
    assert spi.read(CANINTF) & 0x80
