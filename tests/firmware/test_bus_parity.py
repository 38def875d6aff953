"""What a board counts of the whole bus, and its gates: the same as on the host."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.board.firmware import module
from canbean.can.frames import RTR
from canbean.detect.fingerprint import RECENT, SCORE_CAP, crowds, epochs, hash8, novelty, recent_us, surprise
from canbean.detect.replay import last_crowded
from canbean.detect.windows import Gate
from fingerprint_cases import AT, board_of, score
from parity_cases import frame_records


def cases(seed):
    rng = np.random.default_rng(seed)
    of = fingerprint(rng)
    table = frames(rng, of)
    table = table[table.flags < RTR]
    return of, table


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_crowds_and_shares(seed):
    of, table = cases(seed)
    took = recent_us(table.t_us, RECENT)
    # As long as some frames took: then they are no crowd yet.
    of = replace(of, crowd_us=int(np.random.default_rng(seed).choice(np.append(took[took > 0], of.crowd_us))))
    board = board_of(of)
    base, records = frame_records(table)
    times = table.t_us - 1_000_000 * base
    crowd, ended = crowds(table.t_us, of.crowd_us), last_crowded(table.t_us, of.crowd_us)
    share = surprise(of, table).share
    for at in range(len(table)):
        score(board, records, 19 * at)
        assert board.now[AT.CROWDED] == crowd[at]
        assert board.now[AT.SHARE] == share[at]
        if ended[at] >= 0:
            assert 1_000_000 * board.now[AT.CROWD_S] + board.now[AT.CROWD_US] == times[ended[at]]
        else:
            assert board.now[AT.CROWD_S] < 0


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, SCORE_CAP - 1), st.integers(0, 20))
def test_unknown_ids(seed, bits, burst):
    rng = np.random.default_rng(seed)
    of = replace(fingerprint(rng), unknown_bits=bits, burst=burst)
    n = 1000  # enough that hashes run out
    keys = rng.integers(0, 1 << 30, n).astype(np.uint32)
    again = rng.random(n) < 0.3
    keys[again] = rng.choice(keys[:20], int(again.sum()))
    seconds = np.maximum(np.cumsum(rng.choice([0, 0, 1, 9, 10, 11, -1], n)), 0)
    expected = novelty(1_000_000 * seconds + rng.integers(0, 1_000_000, n), keys, np.zeros(n, bool), of)
    board = module("novelty").Novelty(bits, burst)
    for _ in range(2):
        board.reset()
        for s, key, worth in zip(seconds.tolist(), keys.tolist(), expected.tolist(), strict=True):
            assert board.frame(s, key) == min(worth, SCORE_CAP - 1)
            assert module("bus").hash8(key) == hash8(key)


class Judging:
    """A detector that says what it is told, -1 where it judges nothing."""

    def __init__(self, gate, said):
        self.threshold, self.need, self.of = gate.threshold, gate.need, gate.of
        self.said = iter(said)
        self.forgotten = 0

    def reset(self):
        pass

    def forget(self):
        self.forgotten += 1

    kernel = state = tables = None

    def judge(self, breathe):
        return next(self.said)


@given(st.integers(0, 2**32))
def test_gates(seed):
    rng = np.random.default_rng(seed)
    of = int(rng.integers(1, 17))
    gate = Gate(100, int(rng.integers(1, of + 1)), of)
    bits = rng.choice([-1, 0, 99, 100, 101, 1024], 120)
    woke = rng.random(120) < rng.choice([0, 0.05, 0.3])
    board = module("gates").Gated("x", Judging(gate, bits.tolist()))
    raised = []
    for w in woke:
        if w:
            board.forget()
        raised.append(board.judge(None))
    some = bits >= 0
    opened = np.zeros(len(bits), bool)
    opened[some] = gate.opens(bits[some], np.cumsum(woke)[some])
    assert raised == opened.tolist()
    assert board.detector.forgotten == woke.sum()
    # Plainly: this one passed, and enough of the last ones since the bus woke up.
    for at in np.flatnonzero(some):
        since = max((k for k in range(at + 1) if woke[k]), default=0)
        last = [one for one in bits[since : at + 1] if one >= 0][-gate.of :]
        assert opened[at] == (bits[at] >= 100 and sum(one >= 100 for one in last) >= gate.need)


def test_epochs_are_counted_as_the_bus_wakes_up():
    assert epochs(np.array([0, 5, 10, 15, 14]), 5).tolist() == [0, 1, 2, 3, 3]
