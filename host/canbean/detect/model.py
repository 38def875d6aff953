"""A gateway's model file: the fingerprint with META and golden frames, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import LENGTHS, Frames
from canbean.detect import rules
from canbean.detect.fingerprint import FOREVER_US, SECTION, Fingerprint, surprise
from canbean.errors import ModelError
from canbean.tiny import cbm, golden

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from canbean.detect.learn import Learned

APP = "gateway"
FRAME = 19
"""Bytes of a golden frame."""


def pack(learned: Learned, meta: Mapping[str, Any]) -> cbm.Model:
    """The model file of what was learned; `meta` adds `name`, `data`, `made_from` and the board's budget."""
    said = {"app": APP, "calibration": learned.calibration, "tuned": [], **meta}
    sections = {
        "META": cbm.encode_meta(said),
        SECTION: learned.fingerprint.to_bytes(),
        "GOLD": golden.pack(golden_frames(learned.fingerprint)),
    }
    return cbm.Model(sections)


def unpack(model: cbm.Model, name: str, also: Collection[str] = ()) -> Fingerprint:
    """The fingerprint of a gateway's model.

    Args:
        model: the model.
        name: what error messages call it.
        also: further sections that the caller takes care of.

    Raises:
        ModelError: it is a model of another application, or its fingerprint is damaged.
    """
    app = model.read_meta(name).get("app")
    if app != APP or SECTION not in model.sections:
        raise ModelError(
            f"{name}: is a model for {app!r}, not for the CAN gateway; learn one with 'can learn'"
        )
    model.refuse_unknown({SECTION, *also}, name)
    try:
        return Fingerprint.from_bytes(model.sections[SECTION])
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error


def golden_frames(fingerprint: Fingerprint) -> list[tuple[bytes, list[int]]]:
    """Eight frames with the surprise that every executor must give them, after a fresh start.

    As the feed sends them: seconds u32, microseconds | DLC code << 20 as u24, key u32, eight data bytes. They
    show an id twice as usual, twice too soon, with broken constant bits, with a wrong DLC, an unknown id, and
    the id again after a gap that saturates.
    """
    row = int(np.argmax(fingerprint.column("span_slope")))
    usual = int(np.argmax(fingerprint.column("dlcs")[row] >> np.arange(16) & 1))
    wrong = int(np.argmin(fingerprint.column("dlcs")[row] >> np.arange(16) & 1))
    key, data = int(fingerprint.keys[row]), fingerprint.low[row] | fingerprint.value[row]
    broken = data ^ fingerprint.mask[row] ^ 0x80
    unknown = next(k for k in range(len(fingerprint) + 1) if k not in fingerprint.keys)
    after_s = 1001
    frames = [
        (0, key, usual, data),
        (1_000_000, key, usual, data),
        (1_000_900, key, usual, data),
        (1_001_000, key, usual, data),
        (1_901_000, key, usual, broken),
        (1_902_000, key, wrong, data),
        (1_902_001, unknown, usual, data),
        (after_s * 1_000_000, key, usual, broken),
    ]
    inputs = []
    for t_us, frame_key, code, payload in frames:
        seconds, micros = divmod(t_us, 1_000_000)
        head = seconds.to_bytes(4, "little") + (micros | code << 20).to_bytes(3, "little")
        inputs.append(head + frame_key.to_bytes(4, "little") + payload.astype(np.uint8).tobytes())
    return [(content, [bits]) for content, bits in zip(inputs, _answers(fingerprint, inputs), strict=True)]


def check(model: cbm.Model, name: str) -> int:
    """Answer the golden frames of a gateway's model as the board does at boot.

    Returns:
        How many there are.

    Raises:
        ModelError: as `unpack`; or there are none, or one is damaged or answered differently; or its rules are damaged.
    """
    fingerprint = unpack(model, name, {rules.SECTION})
    rules.read(model, name)
    if "GOLD" not in model.sections:
        raise ModelError(f"{name}: has no GOLD section, and a board takes none without: learn it again")
    vectors = golden.unpack(model.sections["GOLD"], name)
    for index, (content, _) in enumerate(vectors):
        if len(content) != FRAME:
            raise ModelError(f"{name}: golden vector {index} is no frame of {FRAME} bytes")
    answers = _answers(fingerprint, [content for content, _ in vectors])
    for index, ((_, expected), bits) in enumerate(zip(vectors, answers, strict=True)):
        if expected != [bits]:
            raise ModelError(f"{name}: answers [{bits}] to golden vector {index}, not {expected}")
    return len(vectors)


def _answers(fingerprint: Fingerprint, inputs: Sequence[bytes]) -> list[int]:
    """The surprise of frames in the feed's form, after a fresh start."""
    table = np.frombuffer(b"".join(inputs), np.uint8).reshape(-1, FRAME).astype(np.int64)
    seconds = table[:, :4] @ (1 << np.arange(0, 32, 8))
    micros = table[:, 4:7] @ (1 << np.arange(0, 24, 8))
    keys = table[:, 7:11] @ (1 << np.arange(0, 32, 8))
    nothing = np.zeros(len(table))
    frames = Frames.empty().changed(
        t_us=seconds * 1_000_000 + (micros & 0xFFFFF),
        id=keys & 0x1FFFFFFF,
        ext=keys >> 29 & 1,
        flags=nothing,
        dlc=LENGTHS[micros >> 20],
        data=table[:, 11:].astype(np.uint8),
        bus=nothing,
        label=nothing,
    )
    return [int(bits) for bits in surprise(fingerprint, frames).bits]


def describe(fingerprint: Fingerprint) -> dict[str, Any]:
    """What a fingerprint knows, for people: its size, threshold, and a row an id."""
    return {
        "ids": len(fingerprint),
        "bytes": len(fingerprint.to_bytes()),
        "threshold_bits": fingerprint.threshold / 16,
        "constant_bits": int(np.unpackbits(fingerprint.mask).sum()),
        "periodic_ids": int(np.sum(fingerprint.timeout_us < FOREVER_US)),
    }
