"""The MCP2515's driver and what can be wrong: bit rates, a chip that does not answer, wires, lost frames, the bus's errors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import firmware_drivers
from mcp2515_cases import Bus
from mcp2515_chip import CANCTRL, CANINTE, CNF3, EFLG, Chip

setup = firmware_drivers.load("drivers.mcp2515_setup")
RATES = (
    5000,
    10000,
    20000,
    31250,
    33333,
    40000,
    50000,
    80000,
    83333,
    95000,
    100000,
    125000,
    200000,
    250000,
    500000,
)
RATES += (666000, 800000, 1000000)


@pytest.mark.parametrize("crystal", [8, 12, 16, 20])
@pytest.mark.parametrize("bitrate", RATES)
def test_bit_rates(crystal, bitrate):
    """The rate, the sample point and the datasheet's rules (section 5); else a refusal that names both."""
    cannot = {8: (666000, 800000, 1000000), 12: (800000, 1000000), 16: (), 20: (5000, 800000)}[crystal]
    if bitrate in cannot:
        with pytest.raises(ValueError, match=f"a crystal of {crystal} MHz cannot make {bitrate} bit/s"):
            setup.timing(crystal, bitrate)
        return
    cnf3, cnf2, cnf1 = setup.timing(crystal, bitrate)
    propagation, first, second = (cnf2 & 7) + 1, (cnf2 >> 3 & 7) + 1, (cnf3 & 7) + 1
    quanta = 1 + propagation + first + second
    made = crystal * 1e6 / (2 * ((cnf1 & 63) + 1) * quanta)
    assert abs(made / bitrate - 1) <= 0.005
    sample = (quanta - second) / quanta
    assert 0.75 <= sample <= 0.875 or (crystal, bitrate, quanta) == (crystal, bitrate, 25)
    assert cnf2 & 0x80  # PS2 by CNF3
    assert not cnf2 & 0x40  # sampled once
    assert not cnf3 & 0xF8
    assert 8 <= quanta <= 25
    assert second >= 2
    assert propagation + first >= second
    assert second > (cnf1 >> 6) + 1


@pytest.mark.parametrize("bitrate", [0, -1, 1, 2000, 3000000, 1 << 40])
def test_no_bit_rate(bitrate):
    with pytest.raises(ValueError, match="a crystal of 8 MHz cannot make"):
        setup.timing(8, bitrate)


def test_bit_timing_is_written():
    chip = Bus(bitrate=125000).chip
    assert chip.r[CNF3 : CNF3 + 3] == setup.timing(8, 125000)


@pytest.mark.parametrize("level", [0x00, 0xFF])
def test_no_chip(level):
    chip = Chip()
    chip.silent = level
    with pytest.raises(
        OSError, match=f"no MCP2515 answers: check its power, SPI wires and CS .read {level:02x} {level:02x}."
    ):
        Bus(chip=chip)
    # and not by starting an empty wire: nothing is received from it either
    for wired in (True, False):
        bus = Bus(chip=chip, wired=wired, start=False)
        assert bus.receive() == 0
        assert bus.driver.status() == ("silent chip", 0, 0)


@pytest.mark.parametrize("level", [0x00, 0xFF])
@pytest.mark.parametrize("wired", [True, False])
def test_a_chip_that_falls_silent(wired, level):
    bus = Bus(wired=wired)
    bus.chip.silent = level
    # without power it may hold INT low
    bus.chip.wire = 0
    got = sum(bus.receive() for _ in range(10))
    # into an empty buffer that INT says is full: one frame of zeros at the most, until its status is asked
    assert got <= (wired and level == 0)
    assert bus.driver.status() == ("silent chip", 0, 0)


def test_garbage_in_place_of_a_frame_ends_the_reading():
    class Garbled(Chip):
        def read(self, at):
            return super().read(at) | 0x80 * (at == 0x65)

    bus = Bus(chip=Garbled())
    bus.chip.receive(1, 0)
    bus.chip.wire = 0
    assert bus.receive() == 0
    assert not bus.ring.count


def test_a_chip_that_was_reset_is_not_taken_for_one_that_listens():
    bus = Bus()
    bus.chip.reset()
    for _ in range(3):
        state = bus.driver.status()[0]
    assert state == "silent chip"
    bus.start(500000, True, None)
    assert bus.driver.status()[0] == "ok"


def test_a_transceiver_without_power_is_said():
    chip = Chip()
    chip.deaf = True
    with pytest.raises(OSError, match=r"the MCP2515 stays in mode 4: does its transceiver have power\?"):
        Bus(chip=chip)


def test_wires_that_garble_are_said():
    class Garbled(Chip):
        def write(self, at, byte):
            super().write(at, byte ^ (at == CNF3))

    with pytest.raises(OSError, match="the MCP2515 answers wrongly: check its SPI wires"):
        Bus(chip=Garbled())


@pytest.mark.parametrize("level", [0, 1])
def test_an_interrupt_wire_that_is_not_there_costs_transactions_and_no_frames(level):
    chip = Chip()
    chip.wire = level
    bus = Bus(chip=chip)
    assert bus.driver.interrupt is None
    for key in range(10):
        bus.chip.receive(key, 1, b"x")
        assert bus.receive() == 1
    assert [frame[0] for frame in bus.taken()] == list(range(10))


def test_an_interrupt_wire_that_breaks():
    bus = Bus()
    bus.chip.receive(1, 0)
    assert bus.receive() == 1
    bus.chip.wire = 1
    bus.chip.receive(2, 0)
    assert bus.receive() == 0
    assert bus.driver.status()[0] == "ok"
    assert bus.receive() == 1
    assert [frame[0] for frame in bus.taken()] == [1, 2]


def test_noise_on_the_interrupt_wire_makes_no_frame():
    bus = Bus()
    levels = iter([0, 1])
    bus.driver.interrupt = lambda: next(levels)
    assert bus.receive() == 0
    assert not bus.chip.transactions


def test_lost_frames_are_found_and_counted():
    bus = Bus()
    for round_ in range(1, 4):
        for key in range(3):
            bus.chip.receive(key, 0)
        assert bus.chip.r[EFLG] & 0xC0 == 0x80
        assert bus.driver.status() == ("ok", round_, 0)
        assert not bus.chip.r[EFLG]
        assert bus.driver.status() == ("ok", round_, 0)
        assert [frame[0] for frame in (bus.receive(), bus.taken())[1]] == [0, 1]


def test_states_of_the_chip():
    bus = Bus(listen_only=False)
    for transmitting, receiving, state in [
        (95, 95, "ok"),
        (96, 0, "warning"),
        (0, 96, "warning"),
        (127, 127, "warning"),
        (128, 0, "passive"),
        (0, 128, "passive"),
        (256, 0, "bus-off"),
    ]:
        bus.chip.count_errors(transmitting, receiving)
        assert bus.driver.status() == (state, 0, min(transmitting, 255) + receiving)
    bus.chip.idle()
    assert bus.driver.status() == ("ok", 0, 0)


def test_a_wrong_bit_rate_shows_though_it_only_listens():
    """The chip's counters stand still then (section 10.4); that a message was faulty it still tells."""
    bus = Bus()
    for n in range(1, 4):
        bus.chip.faulty()
        bus.chip.faulty()
        assert bus.driver.status() == ("ok", 0, n)


def test_stops():
    bus = Bus(listen_only=False)
    bus.driver.stop()
    assert bus.chip.r[CANCTRL] == 0x87
    assert bus.chip.receive(1, 0) is None
    assert bus.receive() == 0
    with pytest.raises(OSError, match="only listens"):
        bus.send(1, 0, b"")


def test_only_frames_received_pull_int():
    assert Bus(listen_only=False).chip.r[CANINTE] == 3


@settings(max_examples=50)
@given(st.binary(max_size=200), st.lists(st.integers(1, 20), max_size=20))
def test_the_chip_takes_any_bytes(noise, cuts):
    """The model itself: no SPI traffic stops it, and every byte is counted."""
    chip = Chip()
    for cut in cuts:
        part, noise = noise[:cut], noise[cut:]
        chip.cs(0)
        chip.write_readinto(part, bytearray(len(part)))
        chip.cs(1)
    assert chip.transactions == len(cuts)
