"""Masks and filters against a plain statement of what an MCP2515 receives."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can.filters import BITS, EXTENDED, Filters, volume
from canbean.errors import ModelError
from mcp2515_cases import Bus


def received(filters, key):
    """Bit by bit, as the data sheet says it: any of the six, of the frame's kind, equal wherever its mask has a 1."""
    ext = bool(key & EXTENDED)
    for number in range(6):
        mask = filters.masks[0 if number < 2 else 1]
        one = filters.filters[number]
        if bool(one & EXTENDED) != ext:
            continue
        if all(not mask >> bit & 1 or (one ^ key) >> bit & 1 == 0 for bit in range(BITS[ext])):
            return True
    return False


@st.composite
def banks(draw, count):
    ext = draw(st.booleans())
    kind = EXTENDED if ext else 0
    mask = draw(st.integers(0, (1 << BITS[ext]) - 1)) | kind
    filters = draw(st.lists(st.integers(0, (1 << BITS[ext]) - 1), min_size=1, max_size=count))
    return [(mask, one & mask | kind) for one in filters]


both = st.builds(Filters.of, banks(2), banks(4))


@given(filters=both, seed=st.integers(0, 99))
def test_what_passes_is_what_the_chip_receives(filters, seed):
    rng = np.random.default_rng(seed)
    keys = np.concatenate([rng.integers(0, 2048, 20), rng.integers(0, 1 << 29, 20) | EXTENDED])
    # ids that differ from a filter in a bit or two
    near = [one ^ 1 << int(rng.integers(11)) ^ 1 << int(rng.integers(11)) for one in filters.filters]
    keys = np.concatenate([keys, filters.filters, near]).astype(np.uint32)
    assert filters.passes(keys).tolist() == [received(filters, key) for key in keys.tolist()]


@given(filters=both)
def test_the_bytes_hold_all_of_it(filters):
    assert len(filters.to_bytes()) == 32
    assert Filters.from_bytes(filters.to_bytes()) == filters


@given(filters=both)
def test_the_share_of_standard_ids_is_counted(filters):
    keys = np.arange(2048, dtype=np.uint32)
    assert filters.share(ext=False) == filters.passes(keys).mean()


@given(cubes=st.lists(st.tuples(st.integers(0, 63), st.integers(0, 63)), max_size=6))
def test_what_several_filters_pass_together_counts_once(cubes):
    # 6 bits of 11: each identifier stands for 32
    cubes = [(mask, one & mask) for mask, one in cubes]
    plain = sum(any(key & mask == one for mask, one in cubes) for key in range(64))
    assert volume(cubes) == 32 * plain


def test_an_open_plan_passes_everything():
    keys = np.array([0, 0x7FF, EXTENDED, EXTENDED | 0x1FFFFFFF], np.uint32)
    assert Filters.open().passes(keys).all()


@pytest.mark.parametrize(
    ("masks", "one"),
    [
        ((0x7FF, 0x7FF), 0x800),  # more bits than a standard id has
        ((0x700, 0x7FF), 0x001),  # a bit that is not compared
        (
            (0x7FF, 0x7FF),
            EXTENDED | 1,
        ),  # extended under a standard mask: its mask would be compared with data
    ],
)
def test_what_the_chip_does_not_have_is_refused(masks, one):
    with pytest.raises(ModelError, match="none that an MCP2515 has"):
        Filters(masks, (one, 0x100, 0x100, 0x100, 0x100, 0x100))
    with pytest.raises(ModelError, match="31 bytes"):
        Filters.from_bytes(bytes(31))


def test_a_bank_that_is_not_needed_repeats_the_other():
    one = [(0x7F0, 0x100)]
    assert Filters.of(one, []).masks == (0x7F0, 0x7F0)
    assert set(Filters.of([], one).filters) == {0x100}
    assert Filters.of(one, []).describe() == [
        {"buffer": 0, "mask": "7F0", "filter": "100", "ids": 16},
        {"buffer": 1, "mask": "7F0", "filter": "100", "ids": 16},
    ]


@settings(max_examples=30)
@given(filters=both, seed=st.integers(0, 99))
def test_the_chip_behind_its_driver_receives_just_that(filters, seed):
    # As the gateway hands the section to the driver.
    words = struct.unpack("<8I", filters.to_bytes())
    bus = Bus(filters=list(words))
    rng = np.random.default_rng(seed)
    keys = [
        int(one) ^ 1 << int(rng.integers(29 if one >> 29 else 11))
        for one in filters.filters
        for _ in range(3)
    ]
    for key in [*filters.filters, *keys]:
        data = rng.integers(0, 256, 8, np.uint8).tobytes()
        there = bus.chip.receive(key, 8, data) is not None
        assert there == filters.passes(np.array([key], np.uint32))[0], f"{key:X}"
        bus.receive()
