"""Eight characters at a time: fields of all lines as 64-bit words, the first character in the lowest byte.

Digits are checked and put together within the word (SIMD within a register: L. Lamport, "Multiple byte processing with full-word
instructions", CACM 18 (1975) 471-475), so that a column of numbers costs a few dozen operations on uint64 arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Mask = NDArray[np.bool_]


def _each(byte: int) -> np.uint64:
    """The same byte eight times."""
    return np.uint64(byte * 0x0101010101010101)


FIRST = np.array([(1 << 8 * k) - 1 for k in range(9)], np.uint64)
"""Masks of the first 0 to 8 characters."""
LAST = np.array([((1 << 64) - 1) ^ ((1 << 8 * (8 - k)) - 1) for k in range(9)], np.uint64)
"""Masks of the last 0 to 8 characters."""
ZEROS, ONES, LOW, HIGH, SIX = (_each(byte) for byte in (ord("0"), 1, 0x0F, 0xF0, 6))
CASE, TOP = _each(0x20), _each(0x80)
PAIRS, QUADS, HALF = (
    np.uint64(mask) for mask in (0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF)
)
_4, _5, _6, _8, _16, _32 = (np.uint64(bits) for bits in (4, 5, 6, 8, 16, 32))
_7, _9, _10, _100, _10000 = (np.uint64(factor) for factor in (7, 9, 10, 100, 10_000))


def cells(text: Bytes, start: Places, count: int = 1) -> Words:
    """uint64 (n, count): the 8 characters of each row from `start` on, the 8 after them, and so on."""
    width = 8 * count
    rolling = np.ndarray((max(len(text) - width + 1, 0),), f"V{width}", text, strides=(1,))
    return rolling[start].view("<u8").reshape(len(start), count)


def load(text: Bytes, start: Places, count: int = 1) -> list[Words]:
    """The columns of `cells`."""
    words = cells(text, start, count)
    return [np.ascontiguousarray(words[:, k]) for k in range(count)]


def filled(word: Words, keep: Words) -> Words:
    """The word with the character `0` outside of the mask."""
    word = word ^ ZEROS
    word &= keep
    word ^= ZEROS
    return word


def nibbles(word: Words) -> tuple[Words, Words]:
    """The value of each hexadecimal digit in its byte, and bits that are set where a character is none."""
    letter = word >> _6
    letter &= ONES
    value = letter * _9
    value += word & LOW
    # The upper-case digit of that value, but for the bit that makes letters small, must be the character.
    bad = letter * _7
    bad += value
    bad += ZEROS
    bad ^= word
    bad &= ~(letter << _5)
    reach = value + SIX
    reach >>= _4
    reach &= ONES
    bad |= reach ^ letter
    bad |= value & HIGH
    return value, bad


def decimals(word: Words) -> tuple[Words, Words]:
    """The value of each decimal digit in its byte, and bits that are set where a character is none."""
    value = word ^ ZEROS
    bad = value + SIX
    bad |= value
    bad &= HIGH
    return value, bad


def whole(word: Words, base: int) -> tuple[Words, Words]:
    """The number that eight digits say, and bits that are set where one is no digit."""
    if base == 10:
        value, bad = decimals(word)
        value = (value & PAIRS) * _10 + (value >> _8 & PAIRS)
        value = (value & QUADS) * _100 + (value >> _16 & QUADS)
        return (value & HALF) * _10000 + (value >> _32), bad
    value, bad = nibbles(word)
    value = (value & PAIRS) << _4 | (value >> _8 & PAIRS)
    value = (value & QUADS) << _8 | (value >> _16 & QUADS)
    return (value & HALF) << _16 | value >> _32, bad


def _pair_values() -> NDArray[np.uint16]:
    """The byte that each pair of characters says, `NO_PAIR` where it says none; the first character is the low half."""
    digit = np.full(256, 16, np.uint16)
    for value, character in enumerate(b"0123456789ABCDEF"):
        digit[character] = digit[character | 0x20] = value
    high, low = digit[None, :], digit[:, None]
    return np.where((high < 16) & (low < 16), high << 4 | low, NO_PAIR).astype(np.uint16).ravel()


NO_PAIR = 256
PAIR = _pair_values()


def pairs(word: Words) -> tuple[Bytes, Mask | None]:
    """Words (n, count) of hexadecimal digits as bytes (n, 4 count), and which rows hold another character (None: no one)."""
    value = PAIR.take(word.view("<u2"), mode="clip")
    bad: Mask | None = None
    if int(value.max(initial=0)) >= NO_PAIR:
        bad = np.asarray((value >= NO_PAIR).any(axis=1))
    return value.astype(np.uint8), bad


def firsts(length: Places, count: int) -> Words:
    """Masks (n, count) of the first `length` characters of so many words."""
    masks: Words = _FIRSTS[count].take(length, axis=0, mode="clip")
    return masks


_FIRSTS = {
    count: FIRST[np.clip(np.arange(8 * count + 1)[:, None] - 8 * np.arange(count), 0, 8)] for count in (2, 16)
}


def holds_nul(word: Words, keep: Words) -> Mask:
    """Whether a character within the mask is NUL."""
    word = word | ~keep
    return np.asarray((word - ONES) & ~word & TOP != 0)
