"""Checks and payloads at random, for parity of host and board, and the board's half of it."""

from __future__ import annotations

import numpy as np

from canbean.board.firmware import module
from canbean.can.frames import LENGTHS, Frames
from canbean.detect.check_judge import checksums
from canbean.detect.checks import CHECKSUM, COUNTER, FROZEN, RANGE, SECTION, Check, Checks, IdChecks

IDS = 12


def random_check(rng, length):
    """A check of payloads of `length` bytes."""
    while True:
        kind = int(rng.integers(5))
        start, big = int(rng.integers(8 * length)), bool(rng.integers(2))
        bits = int(rng.integers(1, 17))
        if kind == COUNTER:
            bits, big = int(rng.integers(2, 9)), False
            low, high = int(rng.integers(2)), (1 << bits) - 1 - int(rng.integers(2))
            if high - low < 1:
                continue
            rule = (int(rng.integers(1, high - low + 1)), low, high, int(rng.integers(256)))
        elif kind == CHECKSUM:
            family, big = int(rng.integers(5)), False
            bits = 8 if family > 2 else int(rng.choice([4, 8]))
            start = start // bits * bits
            ends = np.sort(rng.integers(0, length, 2)).tolist()
            after = int(rng.integers(3)) << 4 if family > 2 else 0
            polynomial = int(rng.integers(1, 128)) * 2 + 1 if family > 2 else 0
            rule = (family | after, ends[0] | ends[1] << 4, polynomial, int(rng.integers(1 << bits)))
        elif kind == FROZEN:
            rest = int(rng.integers(1 << bits))
            rule = (int(rng.choice([0, 1, 2, 5])), int(rng.integers(256)), rest & 255, rest >> 8)
        else:
            edge = int(rng.integers(1 << bits)) >> int(rng.integers(bits))
            span = int(rng.integers(1 << bits))
            more = (span & 255, span >> 8) if kind == RANGE else (int(rng.integers(256)), 0)
            rule = (edge & 255, edge >> 8, *more)
        worth = int(rng.choice([0, 40, 40, 40, 255, rng.integers(256)]))  # often alike: the first one is told
        check = Check(kind, worth, start, bits, big, rule)
        if check.holds_together(length):
            return check


def random_checks(rng):
    slots = np.sort(rng.choice(IDS, int(rng.integers(0, IDS)), replace=False)).tolist()
    ids = []
    for slot in slots:
        code = int(rng.choice([1, 2, 5, 8, 8, 8, 9, 15]))
        length = min(int(LENGTHS[code]), 8)
        count = int(rng.integers(1, 6))
        ids.append(IdChecks(slot, code, tuple(random_check(rng, length) for _ in range(count))))
    return Checks(tuple(ids))


def random_frames(rng, checks, m=400):
    """Frames of which most obey some check, and rows and epochs."""
    row = rng.integers(0, IDS + 1, m)
    code = rng.integers(0, 9, m)
    data = np.zeros((m, 8), np.uint8)
    for one in checks.ids:
        own = np.flatnonzero(row == one.slot)
        code[own] = np.where(rng.random(len(own)) < 0.9, one.code, code[own])
        wander = np.cumsum(rng.integers(-3, 4, (len(own), 8)), axis=0)
        wild = rng.random((len(own), 8)) < rng.choice([0.01, 0.3])
        data[own] = np.where(wild, rng.integers(0, 256, wander.shape), wander) & 255
        data[own[rng.random(len(own)) < rng.choice([0.0, 0.5])]] = data[own[0]] if len(own) else 0
        for check in one.checks:
            right = own[rng.random(len(own)) < 0.8]
            if check.kind == COUNTER and len(right):
                step, low, high, _ = check.rule
                put_value(data, right, check, low + np.cumsum(np.full(len(right), step)) % (high - low + 1))
            elif check.kind == CHECKSUM:
                put_value(data, right, check, checksums(check, data[right]))
    dlc = LENGTHS[code]
    data[np.arange(8) >= dlc[:, None]] = 0
    epoch = np.cumsum(rng.random(m) < 0.02)
    frames = Frames.of(np.arange(m) * 1000, row, data, dlc=dlc.clip(0, 64))
    return frames, row, epoch


def put_value(data, rows, check, value):
    """Write values into the bits of a check."""
    at = check.start
    for weight in range(check.length):
        byte, bit = divmod(at, 8)
        data[rows, byte] = data[rows, byte] & (0xFF ^ 1 << bit) | (value >> weight & 1) << bit
        at += 1
        if at % 8 == 0 and check.big:
            at -= 16


class Section:
    """A model of which only the section of checks is there."""

    def __init__(self, content):
        self.content = content

    def size(self, tag):
        assert tag == SECTION
        return len(self.content)

    def part(self, tag, start, length):
        return self.content[start : start + length]


RUN = """
def run(section, n, rows):
    checks = Checks(Section(section), n)
    for epoch, slot, code, data in rows[::3]:
        checks.frame(slot, code, data)
    checks.reset()
    said = []
    before = 0
    for epoch, slot, code, data in rows:
        if epoch != before:
            checks.forget()
        before = epoch
        total = checks.frame(slot, code, data)
        parts = [checks.counter, checks.checksum, checks.payload]
        told = [words(checks, part) if bits else None for part, bits in zip(PARTS, parts)]
        said.append([total, parts, [list(pair) if pair else None for pair in told]])
    return said
"""


def on_cpython(section, n, rows):
    said = module("check_words")
    space = {
        "Checks": module("checks").Checks,
        "words": said.words,
        "PARTS": said.PARTS,
        "Section": Section,
    }
    exec(RUN, space)
    return space["run"](section, n, rows)


def board_rows(frames, row, epoch):
    """What the board is given, frame by frame."""
    codes = np.searchsorted(LENGTHS, frames.dlc).tolist()
    return list(zip(epoch.tolist(), row.tolist(), codes, map(bytes, frames.data[:, :8]), strict=True))


def as_told(checks, judgement, row):
    """What the host says, in the form of `RUN`; a word only where there are bits."""
    parts = ("counter", "checksum", "payload")
    said = []
    for at, slot in enumerate(row.tolist()):
        bits = judgement.bits[:, at].tolist()
        told = [
            list(judgement.words(checks, slot, at, part)) if b else None
            for part, b in zip(parts, bits, strict=True)
        ]
        said.append([sum(bits), bits, told])
    return said
