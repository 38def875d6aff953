"""A gateway's model file: the fingerprint with META and golden frames, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import Frames
from canbean.detect.fingerprint import FOREVER_US, LENGTHS, SECTION, Fingerprint, dlc_codes, surprise
from canbean.errors import ModelError
from canbean.tiny import cbm, golden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canbean.detect.learn import Learned

APP = "gateway"


def pack(learned: Learned, meta: Mapping[str, Any]) -> cbm.Model:
    """The model file of what was learned; `meta` adds `name`, `data`, `made_from` and the board's budget."""
    said = {"app": APP, "calibration": learned.calibration, "tuned": [], **meta}
    sections = {
        "META": cbm.encode_meta(said),
        SECTION: learned.fingerprint.to_bytes(),
        "GOLD": golden.pack(golden_frames(learned.fingerprint)),
    }
    return cbm.Model(sections)


def unpack(model: cbm.Model, name: str) -> Fingerprint:
    """The fingerprint of a gateway's model.

    Raises:
        ModelError: it is a model of another application, or its fingerprint is damaged.
    """
    app = model.meta.get("app")
    if app != APP or SECTION not in model.sections:
        raise ModelError(
            f"{name}: is a model for {app!r}, not for the CAN gateway; learn one with 'can learn'"
        )
    model.refuse_unknown({SECTION}, name)
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
    times, keys, codes, payloads = (np.array(column) for column in zip(*frames, strict=True))
    table = Frames.empty().changed(
        t_us=times,
        id=keys & 0x1FFFFFFF,
        ext=keys >> 29,
        flags=np.zeros(len(frames)),
        dlc=LENGTHS[codes],
        data=payloads.astype(np.uint8),
        bus=np.zeros(len(frames)),
        label=np.zeros(len(frames)),
    )
    bits = surprise(fingerprint, table).bits
    packed = []
    for i, code in enumerate(dlc_codes(table)):
        seconds, micros = divmod(int(times[i]), 1_000_000)
        head = seconds.to_bytes(4, "little") + (micros | int(code) << 20).to_bytes(3, "little")
        packed.append((head + int(keys[i]).to_bytes(4, "little") + payloads[i].tobytes(), [int(bits[i])]))
    return packed


def describe(fingerprint: Fingerprint) -> dict[str, Any]:
    """What a fingerprint knows, for people: its size, threshold, and a row an id."""
    return {
        "ids": len(fingerprint),
        "bytes": len(fingerprint.to_bytes()),
        "threshold_bits": fingerprint.threshold / 16,
        "constant_bits": int(np.unpackbits(fingerprint.mask).sum()),
        "periodic_ids": int(np.sum(fingerprint.timeout_us < FOREVER_US)),
    }
