"""How an engineer writes which frames a rule is about, much as candump writes a frame.

`2C5`, `18FEF100` (eight digits: 29 bits), `2C5/7F0` (those bits of the id), `700-7FF` (a range, kept as masks) or `*`
(any id); then, where the payload is compared, `#` and its digits, of which `.`, `x` and `?` stand for any: `2C5#00..FF`.
Bytes past those do not matter.

A pattern is a key (`id | ext << 29`) and its mask, eight payload bytes and their mask; bits outside a mask are 0. A mask of
0 is any id; else it holds the bits that an 11-bit id lacks, so that no pattern is about ids of both kinds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from canbean.can.frames import key_text, parse_id
from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Pattern = tuple[int, int, bytes, bytes]

MASKS_MOST = 8
"""Masks that a range may take."""
PAYLOAD = 8
"""Bytes that are compared at most."""

_EXT = 1 << 29
_ALL = (1 << 30) - 1
_STANDARD = 0x7FF
_EXTENDED = 0x1FFFFFFF
_ANY = bytes(PAYLOAD)
_WILD = ".xX?"
_DIGITS = re.compile(r"[0-9a-fA-F.xX?]*")
_DOTTED = re.compile(r"[0-9a-fA-F]{2}(\.[0-9a-fA-F]{2})+")


def patterns(text: str) -> list[Pattern]:
    """The patterns that a text means: several where it is a range of ids.

    Raises:
        UsageError: it is none, or one that every frame matches.
    """
    ids, hash_, digits = "".join(text.split()).partition("#")
    try:
        value, care = _payload(digits) if hash_ else (_ANY, _ANY)
        found = [(key, mask, value, care) for key, mask in _ids(ids)]
    except UsageError as error:
        raise UsageError(f"rule {text!r}: {error}") from error
    if not all(map(is_pattern, *zip(*found, strict=True))):
        raise UsageError(f"rule {text!r}: is about every frame there is: name an id or a payload")
    return found


def is_pattern(key: int, mask: int, value: bytes, care: bytes) -> bool:
    """Whether these are a pattern as `patterns` makes them."""
    upper = _EXT if key & _EXT else _ALL & ~_STANDARD
    ids = (not mask and any(care)) or (mask & upper == upper and mask <= _ALL)
    digits = all(c in {0x00, 0x0F, 0xF0, 0xFF} for c in care)
    return ids and digits and not key & ~mask and not any(v & ~c for v, c in zip(value, care, strict=True))


def pattern_text(key: int, mask: int, value: bytes, care: bytes) -> str:
    """A pattern as it is written."""
    text = key_text(key) if mask else "*"
    if mask not in {0, _ALL}:
        free = _ALL & ~mask
        masked = f"/{mask & (_EXTENDED if key & _EXT else _STANDARD):0{len(text)}X}"
        text += masked if free & free + 1 else f"-{key_text(key | free)}"
    if not any(care):
        return text
    used = max(k for k in range(PAYLOAD) if care[k]) + 1
    digits = "".join(_byte(v, c) for v, c in zip(value[:used], care, strict=False))
    return text + "#" + (digits.replace(".", "x") if _DOTTED.fullmatch(digits) else digits)


def _byte(value: int, care: int) -> str:
    return "".join(d if care >> s & 15 else "." for d, s in zip(f"{value:02X}", (4, 0), strict=True))


def _ids(text: str) -> Iterator[tuple[int, int]]:
    """Keys and masks of the part of a rule before `#`."""
    if text == "*":
        yield 0, 0
        return
    if not text:
        raise UsageError("names no id: write 2C5, 2C5/7F0, 700-7FF, 18FEF100 or * for any")
    first, dash, last = text.partition("-")
    if dash:
        yield from _range(first, last)
        return
    digits, slash, mask_digits = text.partition("/")
    id_, ext = parse_id(digits)
    mask = _EXTENDED if ext else _STANDARD
    if slash:
        given, wide = parse_id(mask_digits)
        if wide and not ext:
            raise UsageError(f"the mask {mask_digits} is wider than the 11 bits of {id_:03X}")
        mask = given
    yield _under(id_, mask, ext)


def _under(id_: int, mask: int, ext: bool) -> tuple[int, int]:
    """The key and its mask; the bits that an 11-bit id lacks are compared too, so that no rule is about both kinds."""
    mask |= _EXT if ext else _ALL & ~_STANDARD
    return (id_ | ext << 29) & mask, mask


def _range(first: str, last: str) -> Iterator[tuple[int, int]]:
    """A range of ids as the fewest masks, as networks are cut out of a range of addresses."""
    (low, ext), (high, high_ext) = parse_id(first), parse_id(last)
    if ext != high_ext:
        raise UsageError(
            f"{first} and {last} are not both of 11 or both of 29 bits: write 29-bit ids with eight digits"
        )
    if low > high:
        raise UsageError(f"the range runs backwards: write {last}-{first}")
    blocks, at = [], low
    while at <= high:
        size = at & -at or 1 << 29
        while size > high + 1 - at:
            size >>= 1
        blocks.append((at, size))
        at += size
    if len(blocks) > MASKS_MOST:
        bits = (low ^ high).bit_length()
        start = low >> bits << bits
        ends = (key_text(end | ext << 29) for end in (start, start | (1 << bits) - 1))
        raise UsageError(
            f"takes {len(blocks)} masks, at most {MASKS_MOST} are made of a range: widen it to {'-'.join(ends)}"
        )
    for start, size in blocks:
        yield _under(start, (_EXTENDED if ext else _STANDARD) & -size, ext)


def _payload(digits: str) -> tuple[bytes, bytes]:
    """Value and mask of eight bytes, from the part of a rule after `#`."""
    if _DOTTED.fullmatch(digits):
        raise UsageError(
            "a dot stands for any digit here: leave it out between bytes, or write x for any digit"
        )
    if not _DIGITS.fullmatch(digits):
        raise UsageError("a payload is written in hexadecimal digits, with . x or ? for any, such as 00..FF")
    if len(digits) % 2 or len(digits) > 2 * PAYLOAD:
        raise UsageError(f"{len(digits)} digits after '#': write two for a byte, of at most {PAYLOAD} bytes")
    digits += "." * (2 * PAYLOAD - len(digits))
    value = bytes.fromhex("".join("0" if d in _WILD else d for d in digits))
    care = bytes.fromhex("".join("0" if d in _WILD else "F" for d in digits))
    if not any(care):
        raise UsageError("compares no digit after '#': leave '#' out for any payload")
    return value, care
