"""Checksums of every family, and none where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import simulate
from canbean.detect.bitflips import bits_of, flip_rates
from canbean.detect.checksums import find_checksum
from canbean.detect.counters import find_counters
from canbean.detect.crcs import ALGORITHMS, COMMON, origins, remainder, tables
from canbean.detect.evidence import EVIDENCE_BITS
from field_cases import put

KEY = 0x2C5


def found_in(data, key=KEY):
    bits = bits_of(data)
    return find_checksum(data, find_counters(bits, flip_rates(bits)), key)


def busy(n, size, seed, byte=None):
    """A counter, two signals, the rest constant; `byte` is left to the checksum."""
    rng = np.random.default_rng(seed)
    data = np.tile(rng.integers(0, 256, size, np.uint8), (n, 1))
    free = [b for b in range(size) if b != byte]
    data[:, free[0]] = (np.cumsum(rng.normal(0, 2, n)) + 100).astype(np.int64) & 0xFF
    data[:, free[1]] = rng.integers(0, 256, n)
    return put(data, range(8 * free[2], 8 * free[2] + 4), np.arange(n) % 16)


def others(data, byte):
    return np.delete(data, byte, axis=1)


@settings(max_examples=40)
@given(
    algorithm=st.integers(0, len(ALGORITHMS) - 1),
    initial=st.integers(0, 255),
    final=st.integers(0, 255),
    last=st.booleans(),
    size=st.integers(4, 8),
    seed=st.integers(0, 99),
)
def test_any_crc_8_is_found_and_its_ends_solved_for(*, algorithm, initial, final, last, size, seed):
    byte = size - 1 if last else 0
    data = busy(300, size, seed, byte)
    data[:, byte] = remainder(algorithm, others(data, byte), initial) ^ final
    check = found_in(data)
    polynomial, reflected = ALGORITHMS[algorithm]
    assert (check.start, check.length, check.holds) == (8 * byte, 8, 1)
    assert check.words.startswith(f"CRC-8 {polynomial:02X}")
    assert ("reflected" in check.words) == reflected
    assert check.log2_false <= -EVIDENCE_BITS


@settings(max_examples=40)
@given(
    family=st.sampled_from(["XOR", "sum", "negative sum"]),
    constant=st.integers(0, 255),
    last=st.booleans(),
    size=st.integers(4, 8),
    seed=st.integers(0, 99),
)
def test_xor_and_sums_are_found(family, constant, last, size, seed):
    byte = size - 1 if last else 0
    data = busy(300, size, seed, byte)
    rest = others(data, byte)
    total = rest.sum(axis=1, dtype=np.uint8)
    k = np.uint8(constant)
    data[:, byte] = {
        "XOR": np.bitwise_xor.reduce(rest, axis=1) ^ k, "sum": total + k, "negative sum": k - total,
    }[family]  # fmt: skip
    check = found_in(data)
    assert check is not None
    # XOR and the negative sum are as true of the other bytes: an end is chosen, where no counter is.
    assert check.start in ({0, 8 * size - 8} if family != "sum" else {8 * byte})
    assert check.words.startswith(f"{family} of the other bytes")


@pytest.mark.parametrize("family", ["XOR", "sum", "negative sum"])
@pytest.mark.parametrize("place", [0, 15])
@pytest.mark.parametrize("seed", range(3))
def test_nibbles_are_found(family, place, seed):
    rng = np.random.default_rng(seed)
    nibbles = np.tile(rng.integers(0, 16, 16), (400, 1))
    nibbles[:, 4] = np.arange(400) % 16
    nibbles[:, 6:9] = rng.integers(0, 16, (400, 3))
    rest = np.delete(nibbles, place, axis=1)
    total = rest.sum(axis=1)
    nibbles[:, place] = {
        "XOR": np.bitwise_xor.reduce(rest, axis=1) ^ 5, "sum": total + 3 & 15, "negative sum": 8 - total & 15,
    }[family]  # fmt: skip
    data = (nibbles[:, ::2] | nibbles[:, 1::2] << 4).astype(np.uint8)
    check = found_in(data)
    assert check is not None
    assert (check.start, check.length) == (4 * place, 4)
    assert check.words.startswith(family) or family == "XOR"


def test_names_of_constants():
    data = busy(200, 8, 1, 7)
    data[:, 7] = simulate.crc8(data[:, :7])
    assert "SAE J1850" in found_in(data).words
    assert "initial value FF and final XOR FF" in found_in(data).words
    plain = tuple(KEY.to_bytes(2, "big"))
    with_id = np.concatenate([np.tile(np.array(plain, np.uint8), (200, 1)), data[:, :7]], axis=1)
    data[:, 7] = remainder(ALGORITHMS.index((0x2F, False)), with_id, 0xFF) ^ 0xFF
    said = found_in(data).words
    assert "AUTOSAR 2F" in said
    assert " not sent" not in said
    data[:, 7] = data[:, :7].sum(axis=1, dtype=np.uint8) + np.uint8(sum(plain) + 8 & 0xFF)
    assert found_in(data).words.endswith("with the bytes of the id and the length")


def test_an_id_behind_the_data():
    data = busy(300, 8, 5, 7)
    after = np.tile(np.array([0x02, 0xC5], np.uint8), (300, 1))
    whole = np.concatenate([data[:, :7], after], axis=1)
    data[:, 7] = remainder(ALGORITHMS.index((0x07, False)), whole)
    assert found_in(data).words == (
        "CRC-8 07 (SMBus/ITU) of the other bytes and 2 not sent, "
        "as with initial value 00 and final XOR 00 with the id after the data"
    )


def test_an_id_in_a_crc_is_one_constant():
    algorithm = ALGORITHMS.index((0x1D, False))
    before = np.array([[0x02, 0xC5, 0, 0, 0]], np.uint8)
    constant = int(remainder(algorithm, before, 0xFF)[0]) ^ 0xFF
    assert "FF and final XOR FF with the id" in origins(algorithm, constant, 3, 0, (0x02, 0xC5))


def test_a_data_id_that_goes_with_the_counter():
    data = busy(3000, 8, 3, 0)
    ids = np.random.default_rng(9).integers(0, 256, 16, np.uint8)
    whole = np.concatenate([data[:, 1:], ids[data[:, 3] & 15][:, None]], axis=1)
    data[:, 0] = remainder(ALGORITHMS.index((0x2F, False)), whole, 0xFF) ^ 0xFF
    check = found_in(data)
    assert check.start == 0
    assert "AUTOSAR 2F" in check.words
    assert "each value of the counter" in check.words


@pytest.mark.parametrize("n", [30, 300, 5000])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [2, 5, 8])
def test_noise_has_no_checksum(n, seed, size):
    assert found_in(np.random.default_rng(seed).integers(0, 256, (n, size), np.uint8)) is None


@pytest.mark.parametrize("seed", range(6))
def test_signals_have_no_checksum(seed):
    rng = np.random.default_rng(seed)
    walks = np.cumsum(rng.normal(0, 2, (2000, 6)), axis=0) + 128
    data = np.zeros((2000, 8), np.uint8)
    data[:, :6] = walks.astype(np.int64) & 0xFF
    assert found_in(put(data, range(48, 52), np.arange(2000) % 16)) is None


def test_a_copy_is_no_checksum():
    rng = np.random.default_rng(1)
    data = np.zeros((500, 6), np.uint8)
    data[:, 0], data[:, 2] = rng.integers(0, 256, (2, 500))
    data[:, 1], data[:, 3] = ~data[:, 0], ~data[:, 2]
    assert found_in(data) is None
    data[:, 2:] = 0
    assert found_in(data) is None


def test_check_values_of_the_catalogue():
    text = np.frombuffer(b"123456789", np.uint8)[None]
    known = {(0x1D, False, 0xFF, 0xFF): 0x4B, (0x2F, False, 0xFF, 0xFF): 0xDF, (0x07, False, 0, 0): 0xF4,
             (0x31, True, 0, 0): 0xA1, (0x9B, True, 0, 0): 0x25, (0xD5, False, 0, 0): 0xBC,
             (0x39, True, 0, 0): 0x15, (0xA7, True, 0, 0): 0x26, (0x07, True, 0xFF, 0): 0xD0}  # fmt: skip
    for (polynomial, reflected, initial, final), check in known.items():
        at = ALGORITHMS.index((polynomial, reflected))
        assert int(remainder(at, text, initial)[0]) ^ final == check
    assert set(COMMON) <= {polynomial for polynomial, _ in ALGORITHMS}
    assert len(set(map(bytes, tables()))) == len(ALGORITHMS) == 254
