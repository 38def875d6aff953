"""Checksums of four bits: a nibble that is the XOR or the sum of all other nibbles, as some makers have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.evidence import EVIDENCE_BITS, HOLDS, SAMPLE_HOLDS, Checksum, Form, copied, most, rank_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.detect.counters import Counter


def nibble_checksum(
    data: NDArray[np.uint8],
    sample: NDArray[np.uint8],
    counters: Sequence[Counter],
    id_bytes: tuple[int, ...],
) -> Checksum | None:
    """The nibble that is the XOR or the sum of the others, or None.

    Args:
        data: uint8 (m, bytes), payloads of one length in order of time.
        sample: different ones among them.
        counters: what was found to be a counter, and is left out.
        id_bytes: bytes of the id, for what the constant may come from.
    """
    halves, whole = _nibbles(sample), _nibbles(data)
    taken = {position // 4 for counter in counters for position in counter.positions}
    turns = (whole[1:] != whole[:-1]).mean(axis=0)
    ends = {0, 1, halves.shape[1] - 2, halves.shape[1] - 1}
    varying = np.flatnonzero((halves != halves[0]).any(axis=0)).tolist()
    places = [n for n in varying if n not in taken]
    for place in sorted(places, key=lambda n: (n not in ends, -turns[n], -n)):
        others = [n for n in range(halves.shape[1]) if n != place]
        rank = rank_of(halves[:, others])
        chance = np.log2(3 * len(places)) - 4 * rank
        if chance > -EVIDENCE_BITS or len([n for n in varying if n != place]) < 3:
            continue
        for words, constant, left, sampled in _nibble_families(halves, whole, place, others):
            if sampled < SAMPLE_HOLDS or copied(whole, place, others):
                continue
            holds = float(np.mean(left == constant))
            if holds >= HOLDS:
                said = f"{words} of the other nibbles, {_nibble_origin(words, constant, id_bytes)}"
                form = Form(words, 0, data.shape[1] - 1, constant)
                return Checksum(4 * place, 4, said, holds, float(chance), form)
    return None


def _nibbles(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (m, 2 * bytes): nibbles, the low one of each byte first."""
    return np.stack([data & 15, data >> 4], axis=2).reshape(len(data), -1)


def _nibble_families(
    halves: NDArray[np.uint8], whole: NDArray[np.uint8], place: int, others: list[int]
) -> list[tuple[str, int, NDArray[np.uint8], float]]:
    """(family, constant, what is left of all frames, share of the sample) of each family of nibbles."""
    found = []
    for words in ("XOR", "sum", "negative sum"):
        kept = []
        for table in (halves, whole):
            if words == "XOR":
                kept.append(table[:, place] ^ np.bitwise_xor.reduce(table[:, others], axis=1))
            else:
                total = table[:, others].sum(axis=1, dtype=np.uint8)
                kept.append((table[:, place] - total if words == "sum" else table[:, place] + total) & 15)
        found.append((words, *most(kept[0])[:1], kept[1], most(kept[0])[1]))
    return found


def _nibble_origin(words: str, constant: int, id_bytes: tuple[int, ...]) -> str:
    """What the constant of a nibble may come from."""
    if constant == 0:
        return "nothing added"
    nibbles = [half for byte in id_bytes for half in (byte >> 4, byte & 15)]
    if words == "XOR":
        of_id = int(np.bitwise_xor.reduce(np.array(nibbles)))
    else:
        of_id = (sum(nibbles) if words == "sum" else -sum(nibbles)) & 15
    return "with the nibbles of the id" if constant == of_id else f"constant {constant:X}"
