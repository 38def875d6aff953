"""An engineer's rules: frames that never raise an alert, and frames that always do. The first that matches decides.

How the frames of a rule are written is in `patterns.py`: `2C5`, `700-7FF`, `2C5#00..FF`.

* *allow*: a frame that matches raises no alert of any detector, though all of them see it; an id that is allowed
  as a whole is not reported missing either.
* *deny*: a frame that matches raises an alert whatever the detectors say, at the cap of a surprise.

A byte that a frame lacks counts as 00, and of CAN FD frames the first eight are compared. Remote and error frames are
not looked at.

Whatever their order was, the most exact rules (most bits compared) come first, of equally exact ones those that deny.

The section `RULE`, little-endian, for n rules (1 to 64) that compare p bytes:

```
u16 n | u16 p | u32 key[n] | u32 mask of the key[n] | u8 action[n] (1 allow, 2 deny)
| u8 bytes[n], bit k where payload byte k is compared | p pairs of u8 value and u8 mask, rule by rule
```

`deciding` is the vectorised twin of `firmware/canbean/rules.py`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import key_text
from canbean.detect.fingerprint import REMOTE_OR_ERROR
from canbean.detect.patterns import PAYLOAD, is_pattern, pattern_text, patterns
from canbean.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.tiny import cbm

SECTION = "RULE"
ALLOW, DENY = 1, 2
ACTIONS = {ALLOW: "allow", DENY: "deny"}
MOST = 64
"""Rules of one model."""
EXPECTED = "no frame that matches a denied pattern"

_HEADER = struct.Struct("<HH")


@dataclass(frozen=True)
class Rule:
    """What one rule compares; bits outside its masks are 0.

    Attributes:
        action: `ALLOW` or `DENY`.
        key, mask: the id (`id | ext << 29`) and which bits of it count; a mask of 0 is any id.
        value, care: eight payload bytes and which bits of them count, `care` all 0 for a rule on a whole id.
    """

    action: int
    key: int
    mask: int
    value: bytes = bytes(PAYLOAD)
    care: bytes = bytes(PAYLOAD)

    @property
    def whole(self) -> bool:
        """Whether any payload matches."""
        return not any(self.care)

    @property
    def bits(self) -> int:
        """How many bits are compared."""
        return self.mask.bit_count() + int.from_bytes(self.care, "little").bit_count()

    def __str__(self) -> str:
        return f"{ACTIONS[self.action]} {pattern_text(self.key, self.mask, self.value, self.care)}"

    def check(self) -> Rule:
        """This rule, if it is one that can be written.

        Raises:
            ModelError: an action, mask or value that no rule has.
        """
        if self.action not in ACTIONS:
            raise ModelError(f"rules: an action is 1 (allow) or 2 (deny), not {self.action}")
        if not is_pattern(self.key, self.mask, self.value, self.care):
            raise ModelError(
                f"rules: an id {self.key:08X} under the mask {self.mask:08X}, or its payload, is none"
            )
        return self


@dataclass(frozen=True)
class Rules:
    """Up to 64 rules, in the order in which they are asked; n rules.

    Attributes:
        rules: the rules.
    """

    rules: tuple[Rule, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    @classmethod
    def parse(cls, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> Rules:
        """The rules of some texts, the most exact first.

        Raises:
            UsageError: a text is no rule, the same frames are allowed and denied, or there are too many.
        """
        rules: dict[tuple[object, ...], Rule] = {}
        for action, texts in ((ALLOW, allow), (DENY, deny)):
            for text in texts:
                for one in patterns(text):
                    rule = Rule(action, *one)
                    if rules.setdefault(_matched(rule), rule).action != action:
                        raise UsageError(f"rule {text!r}: is both allowed and denied")
        return cls._ordered(rules.values())

    def joined(self, newer: Rules) -> Rules:
        """These rules with newer ones, which replace those about the same frames.

        Raises:
            UsageError: there would be too many.
        """
        return self._ordered({_matched(rule): rule for rule in (*self, *newer)}.values())

    @classmethod
    def _ordered(cls, rules: Iterable[Rule]) -> Rules:
        ordered = sorted(rules, key=lambda rule: (-rule.bits, -rule.action, *_matched(rule)))
        if len(ordered) > MOST:
            raise UsageError(f"{len(ordered)} rules (a range can take several); a model holds at most {MOST}")
        return cls(tuple(ordered))

    def to_bytes(self) -> bytes:
        """The section `RULE`. A model without rules has none."""
        used = [[k for k in range(PAYLOAD) if rule.care[k]] for rule in self]
        pairs = [(rule.value[k], rule.care[k]) for rule, at in zip(self, used, strict=True) for k in at]
        return b"".join(
            [
                _HEADER.pack(len(self), len(pairs)),
                np.array([rule.key for rule in self], "<u4").tobytes(),
                np.array([rule.mask for rule in self], "<u4").tobytes(),
                bytes(rule.action for rule in self),
                bytes(sum(1 << k for k in at) for at in used),
                bytes(byte for pair in pairs for byte in pair),
            ]
        )

    @classmethod
    def from_bytes(cls, section: bytes) -> Rules:
        """Read the section `RULE`.

        Raises:
            ModelError: its length is not what its header says, or it holds what is no rule.
        """
        if len(section) < _HEADER.size:
            raise ModelError("rules: the section is shorter than its header")
        n, p = _HEADER.unpack_from(section)
        if not 1 <= n <= MOST or len(section) != _HEADER.size + 10 * n + 2 * p:
            raise ModelError(f"rules: {len(section)} bytes do not hold {n} rules that compare {p} bytes")
        keys = struct.unpack_from(f"<{n}I", section, _HEADER.size)
        masks = struct.unpack_from(f"<{n}I", section, _HEADER.size + 4 * n)
        start = _HEADER.size + 8 * n
        actions, used, pairs = section[start : start + n], section[start + n :][:n], section[start + 2 * n :]
        if sum(bits.bit_count() for bits in used) != p:
            raise ModelError(f"rules: they do not compare {p} bytes")
        rules, at = [], 0
        for key, mask, action, bits in zip(keys, masks, actions, used, strict=True):
            value, care = bytearray(PAYLOAD), bytearray(PAYLOAD)
            for k in range(PAYLOAD):
                if bits >> k & 1:
                    value[k], care[k] = pairs[at : at + 2]
                    at += 2
                    if not care[k]:
                        raise ModelError("rules: a byte is compared in none of its bits")
            rules.append(Rule(action, key, mask, bytes(value), bytes(care)).check())
        return cls(tuple(rules))

    def of_id(self, key: int) -> int:
        """What is said of an id (`id | ext << 29`) as a whole: 0 nothing, `ALLOW` or `DENY`."""
        matching = (rule.action for rule in self if rule.whole and not (key ^ rule.key) & rule.mask)
        return next(matching, 0)

    def allows_id(self, key: int) -> bool:
        """Whether an id is allowed as a whole: then it is not reported missing."""
        return self.of_id(key) == ALLOW

    def deciding(self, frames: Frames) -> NDArray[np.int8]:
        """int8 (m,): number of the rule that decides about each frame, -1 where none does.

        Remote and error frames are not looked at, as no detector does.
        """
        out = np.full(len(frames), -1, np.int8)
        if not self.rules:
            return out
        keys = frames.key
        payload = np.ascontiguousarray(frames.data[:, :PAYLOAD]).view("<u8")[:, 0]
        left = (frames.flags & REMOTE_OR_ERROR) == 0
        for number, rule in enumerate(self):
            at = np.flatnonzero(left & ((keys ^ np.uint32(rule.key)) & np.uint32(rule.mask) == 0))
            if not rule.whole:
                value, care = (np.uint64(int.from_bytes(b, "little")) for b in (rule.value, rule.care))
                at = at[(payload[at] ^ value) & care == 0]
            out[at] = number
            left[at] = False
        return out

    def words(self, frames: Frames, at: int) -> tuple[str, str, str]:
        """Kind, what was expected and what was seen, of a frame that a rule denies."""
        rule = self.rules[int(self.deciding(frames[at : at + 1])[0])]
        length = int(frames.dlc[at])
        seen = f"{key_text(int(frames.key[at]))}#{frames.data[at, : min(length, PAYLOAD)].tobytes().hex().upper()}"
        return "unknown-id" if rule.whole else "payload", EXPECTED, seen + "..." * (length > PAYLOAD)


def verdicts(rules: Rules, frames: Frames) -> NDArray[np.int8]:
    """int8 (m,): what the rules say of each frame: 0 nothing, `ALLOW` or `DENY`."""
    actions = np.array([*(rule.action for rule in rules), 0], np.int8)
    said: NDArray[np.int8] = actions[rules.deciding(frames)]
    return said


def read(model: cbm.Model, name: str) -> Rules:
    """The rules of a model, none where it has no section `RULE`.

    Raises:
        ModelError: the section is damaged.
    """
    if SECTION not in model.sections:
        return Rules()
    try:
        return Rules.from_bytes(model.sections[SECTION])
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error


def _matched(rule: Rule) -> tuple[int, int, bytes, bytes]:
    """Which frames a rule is about."""
    return rule.key, rule.mask, rule.value, rule.care
