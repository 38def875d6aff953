from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.can.bitfields import Field, counter_bits, physical_fields
from canbean.can.simulate import drive
from canbean.can.vehicle import MESSAGES


@pytest.fixture(scope="module")
def clean():
    return drive(200, 3)


def payloads(clean, message):
    return clean.data[clean.id == message.id][:, : message.dlc]


@given(
    positions=st.lists(st.integers(0, 63), min_size=1, max_size=63, unique=True),
    signed=st.booleans(),
    rows=st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(-(2**62), 2**62)), min_size=1, max_size=5),
)
def test_what_is_written_is_read_and_nothing_else_changes(positions, signed, rows):
    data = np.array([row[0] for row in rows], "<u8").view(np.uint8).reshape(-1, 8)
    wanted = np.array([row[1] for row in rows])
    field = Field(tuple(positions), signed)
    out = field.write(data, wanted)
    low = wanted & (1 << len(positions)) - 1
    negative = signed & (low >> len(positions) - 1 == 1)
    assert np.array_equal(field.read(out), low - negative * (1 << len(positions)))
    bits = np.unpackbits(data ^ out, axis=1, bitorder="little")
    assert set(np.flatnonzero(bits.any(axis=0)).tolist()) <= set(positions)


def test_fields_lie_within_one_signal_of_the_simulated_vehicle(clean):
    """A field found without a DBC may be a part of a signal, but is no checksum, no counter and next to none of another."""
    found = whole = 0
    for message in MESSAGES:
        if not message.period_ms:
            continue
        # A sum goes in small steps as physical values do: who knows the checksum leaves it out.
        data = payloads(clean, message)
        for field in physical_fields(data[:, :-1] if message.checksum else data):
            found += 1
            own = set(field.positions)
            parts = [len(own & set(range(s.start, s.start + s.length))) for s in message.signals]
            whole += max(parts) == len(own)
            counter = set() if message.counter is None else set(range(message.counter, message.counter + 4))
            assert not own & counter, message.name
    assert found > 25
    assert whole >= 0.85 * found


def test_counters_are_told(clean):
    for message in MESSAGES:
        # A frame that nothing else changes in counts as a byte.
        if message.counter is not None and message.period_ms:
            bits = counter_bits(payloads(clean, message))
            assert set(range(message.counter, message.counter + 4)) <= set(bits), message.name
            assert len(bits) <= 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("signed", [False, True])
def test_a_number_is_found_in_either_byte_order(order, signed):
    rng = np.random.default_rng(1)
    value = np.cumsum(rng.integers(-30, 31, 5000)) // 4
    value = value - (value.min() + value.max()) // 2 + (0 if signed else 8000)
    data = rng.integers(0, 256, (5000, 4)).astype(np.uint8)
    data[:, 1:3] = value.astype(f"{order}i2").view(np.uint8).reshape(-1, 2)
    (field,) = physical_fields(data)
    assert field.signed is signed
    assert np.array_equal(field.read(data), value)


def test_noise_counters_states_and_constants_are_no_physical_values():
    rng = np.random.default_rng(2)
    n = np.arange(4000)
    data = np.column_stack([rng.integers(0, 256, 4000), n % 256, n // 500 % 3, np.full(4000, 7), n % 16 << 4])
    assert physical_fields(data.astype(np.uint8)) == []
    assert physical_fields(data[:5].astype(np.uint8)) == []
    assert counter_bits(data.astype(np.uint8)) == (*range(8, 16), *range(36, 40))
    beside = n % 16 | (n // 900 % 4) << 4
    assert counter_bits(beside[:, None].astype(np.uint8)) == (0, 1, 2, 3)
