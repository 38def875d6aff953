from __future__ import annotations

import numpy as np
import pytest

from canbean.can.logs import lanes


def words(characters, place, around):
    """One word for each character, which stands at `place` among others."""
    cells = np.full((len(characters), 8), ord(around), np.uint8)
    cells[:, place] = characters
    return cells.view("<u8").ravel()


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("around", "0f")
def test_every_byte_in_every_place_is_a_digit_or_is_not(place, around):
    every = np.arange(256)
    digits = [chr(code) in "0123456789abcdefABCDEF" for code in every]
    value, bad = lanes.whole(words(every, place, around), 16)
    assert ((bad == 0) == digits).all()
    said = [around * place + chr(code) + around * (7 - place) for code in every[digits]]
    assert value[digits].tolist() == [int(text, 16) for text in said]
    four, bad = lanes.pairs(words(every, place, around)[:, None])
    assert (~bad == digits).all()
    assert [row.tobytes() for row in four[digits]] == [bytes.fromhex(text) for text in said]
    assert lanes.pairs(words(every[digits], place, around)[:, None])[1] is None


@pytest.mark.parametrize("place", range(8))
def test_every_byte_in_every_place_is_a_decimal_digit_or_is_not(place):
    every = np.arange(256)
    digits = [chr(code) in "0123456789" for code in every]
    value, bad = lanes.whole(words(every, place, "9"), 10)
    assert ((bad == 0) == digits).all()
    said = ["9" * place + chr(code) + "9" * (7 - place) for code in every[digits]]
    assert value[digits].tolist() == [int(text) for text in said]


def test_only_what_is_meant_is_looked_at():
    (word,) = lanes.load(np.frombuffer(b"\0x12345G", np.uint8), np.zeros(1, np.int64))
    kept = lanes.filled(word, lanes.FIRST[7:8] & lanes.LAST[6:7])
    assert kept.tobytes() == b"00123450"
    assert lanes.holds_nul(word, lanes.FIRST[1:2])[0]
    assert not lanes.holds_nul(word, lanes.LAST[7:8])[0]
