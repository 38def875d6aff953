"""A gateway's model file: the fingerprint with META and golden frames, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import LENGTHS, Frames
from canbean.detect import checks, detectors, fingerprint, plan, rules
from canbean.detect.gateway import Gateway, scored
from canbean.detect.rules import Rules
from canbean.errors import ModelError
from canbean.tiny import cbm, golden

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canbean.detect.learn import Learned

APP = "gateway"
FRAME = 19
"""Bytes of a golden frame."""


def pack(learned: Learned, meta: Mapping[str, Any]) -> cbm.Model:
    """The model file of what was learned; `meta` adds `name`, `data`, `made_from` and the board's budget."""
    said = {"app": APP, "calibration": learned.calibration, "tuned": [], **meta}
    return cbm.Model({"META": cbm.encode_meta(said), **sections(learned.gateway)})


def sections(gateway: Gateway) -> dict[str, bytes]:
    """The sections of a gateway's model, golden frames among them."""
    found = {fingerprint.SECTION: gateway.fingerprint.to_bytes()}
    if gateway.checks is not None:
        found[checks.SECTION] = gateway.checks.to_bytes()
    for name, detector in gateway.detectors.items():
        found[detectors.module(name).TAG] = detector.to_bytes()
    if gateway.rules:
        found[rules.SECTION] = gateway.rules.to_bytes()
    if gateway.plan is not None:
        found[plan.SECTION] = gateway.plan.to_bytes()
    return found | {"GOLD": golden.pack(golden_frames(gateway))}


def unpack(model: cbm.Model, name: str) -> Gateway:
    """What a gateway's model knows.

    Args:
        model: the model.
        name: what error messages call it.

    Raises:
        ModelError: it is a model of another application, or a section is damaged or not known here.
    """
    app = model.read_meta(name).get("app")
    found = model.sections
    if app != APP or fingerprint.SECTION not in found:
        raise ModelError(
            f"{name}: is a model for {app!r}, not for the CAN gateway; learn one with 'can learn'"
        )
    tags = {detectors.module(one).TAG: one for one in detectors.names()}
    model.refuse_unknown({fingerprint.SECTION, checks.SECTION, rules.SECTION, plan.SECTION, *tags}, name)
    try:
        known = fingerprint.Fingerprint.from_bytes(found[fingerprint.SECTION])
        return Gateway(
            known,
            checks.Checks.from_bytes(found[checks.SECTION], len(known)) if checks.SECTION in found else None,
            {
                one: detectors.module(one).read(found[tag])
                for tag, one in sorted(tags.items())
                if tag in found
            },
            rules.read(model, name),
            plan.Plan.from_bytes(found[plan.SECTION]) if plan.SECTION in found else None,
        )
    except ModelError as error:
        text = str(error)
        raise ModelError(text if text.startswith(f"{name}: ") else f"{name}: {text}") from error


def golden_frames(gateway: Gateway) -> list[tuple[bytes, list[int]]]:
    """Eight frames with the surprise that every executor must give them, after a fresh start.

    As the feed sends them: seconds u32, microseconds | DLC code << 20 as u24, key u32, eight data bytes. They
    show an id twice as usual, twice too soon, with broken constant bits, with a wrong DLC, an unknown id, and
    the id again after a gap that saturates.
    """
    known = gateway.fingerprint
    timed = (known.column("span_edge") > 0) & (known.column("start_s") == 0)
    row = int(np.argmax(np.where(timed, known.column("early_most"), -1)))
    usual = int(np.argmax(known.column("dlcs")[row] >> np.arange(16) & 1))
    wrong = int(np.argmin(known.column("dlcs")[row] >> np.arange(16) & 1))
    key, data = int(known.keys[row]), known.low[row].copy()
    broken = data ^ known.mask[row] ^ 0x80
    unknown = next(k for k in range(len(known) + 1) if k not in known.keys)
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
    return [(content, [bits]) for content, bits in zip(inputs, _answers(gateway, inputs), strict=True)]


def check(model: cbm.Model, name: str) -> int:
    """Answer the golden frames of a gateway's model as the board does at boot.

    Returns:
        How many there are.

    Raises:
        ModelError: as `unpack`; or there are none, or one is damaged or answered differently.
    """
    known = unpack(model, name)
    if "GOLD" not in model.sections:
        raise ModelError(f"{name}: has no GOLD section, and a board takes none without: learn it again")
    vectors = golden.unpack(model.sections["GOLD"], name)
    for index, (content, _) in enumerate(vectors):
        if len(content) != FRAME:
            raise ModelError(f"{name}: golden vector {index} is no frame of {FRAME} bytes")
    answers = _answers(known, [content for content, _ in vectors])
    for index, ((_, expected), bits) in enumerate(zip(vectors, answers, strict=True)):
        if expected != [bits]:
            raise ModelError(f"{name}: answers [{bits}] to golden vector {index}, not {expected}")
    return len(vectors)


def _answers(gateway: Gateway, inputs: Sequence[bytes]) -> list[int]:
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
    return [int(bits) for bits in scored(replace(gateway, rules=Rules()), frames).bits]


def describe(gateway: Gateway) -> dict[str, Any]:
    """What a gateway knows, for people."""
    known = gateway.fingerprint
    return {
        "ids": len(known),
        "fingerprint_bytes": len(known.to_bytes()),
        "threshold_bits": known.threshold / 16,
        "constant_bits": int(np.unpackbits(known.mask).sum()),
        "periodic_ids": int(np.sum(known.timeout_us < fingerprint.FOREVER_US)),
        "checks": gateway.checks.counts() if gateway.checks is not None else {},
        "detectors": ["fingerprint", *(["checks"] if gateway.checks is not None else []), *gateway.detectors],
    }
