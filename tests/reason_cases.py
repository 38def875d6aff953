"""What the words of an alert say, looked up in the frames by plain code: each form of words and how it is checked.

What was seen is looked up in the log that was watched, what was expected in the clean log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np

from canbean.can import simulate
from canbean.can.frames import ERR, RTR, Frames, key_text
from canbean.can.vehicle import MESSAGES

NIBBLE, XOR, STARTING, NEW = 0x6A0, 5, 0x6B0, 0x6C0
"""Ids that `with_more` adds to a simulated drive: one whose nibbles have the XOR 5, one that comes in the first seconds only, and
one that comes late, steadily."""
RECENT = 32
WINDOW = 32
UNUSUAL = 1 / 8
"""What is expected may be broken by this share of the clean frames: thresholds are set as low as that in tests."""


def with_more(drive, seed, *, late=False):
    """The drive with two more ids; `late`: what they must not do is there too."""
    rng = np.random.default_rng(seed)
    data = np.zeros((int(drive.span_s * 20), 8), np.uint8)
    data[:, :2] = rng.integers(0, 256, (len(data), 2))
    data[:, 2] = np.bitwise_xor.reduce(data[:, :2] >> 4 ^ data[:, :2] & 15, axis=1) ^ XOR
    if late:
        data[200::200, 2] ^= 9
        # For three seconds those that come less often than every 20 ms stay away.
        rare = [message.id for message in MESSAGES if not 0 < message.period_ms <= 20]
        seconds = (drive.t_us - drive.t_us[0]) / 1e6
        drive = drive[~(np.isin(drive.id, rare) & (seconds > 5) & (seconds < 8))]
    at_us = 50_000 * np.arange(len(data)) + 313
    once_us = np.array([100_000, 900_000, 1_500_000, *([60_000_000] if late else [])]) + 77
    more = [
        Frames.of(at_us, NIBBLE, data, dlc=3),
        Frames.of(once_us, STARTING, data[: len(once_us)] * 0, dlc=2),
    ]
    if late:
        more.append(Frames.of(20_000_000 + 100_000 * np.arange(30), NEW, data[:30], dlc=8))
    return Frames.concat([drive, *(one.changed(buses=drive.buses) for one in more)]).in_time_order()


@dataclass(frozen=True, eq=False)
class Log:
    """A log and where the frames of each id are; remote and error frames are left out."""

    frames: Frames

    @classmethod
    def of(cls, frames):
        return cls(frames[(frames.flags & (RTR | ERR)) == 0])

    @cached_property
    def at(self):
        """Positions of each id, by key."""
        key = self.frames.key
        order = np.argsort(key, kind="stable")
        keys, start = np.unique(key[order], return_index=True)
        return dict(zip(keys.tolist(), np.split(order, start[1:]), strict=True))

    def own(self, key, until):
        """The frames of an id up to and with position `until`."""
        rows = self.at[key]
        return rows[: np.searchsorted(rows, until, "right")]

    @cached_property
    def by_time(self):
        """Positions of each time."""
        found = {}
        for row, t_us in enumerate(self.frames.t_us.tolist()):
            found.setdefault(t_us, []).append(row)
        return found

    def rows(self, alert):
        """Frames that the alert may be about: of its id, or any, at its time."""
        rows = np.array(self.by_time[alert.t_us])
        whole = alert.key is None or alert.kind == "missing" or alert.detector != "fingerprint"
        return rows if whole else rows[self.frames.key[rows] == alert.key]

    @cache  # noqa: B019 - logs live as long as the tests
    def windows(self, window_us):
        """First frame of each window of time, by the position of the frame after its last."""
        found, begin, t_us = {}, 0, self.frames.t_us.tolist()
        for at, now in enumerate(t_us):
            if now - t_us[begin] >= window_us:
                found[at] = begin
                begin = at
        return found


@dataclass(frozen=True)
class Case:
    """One alert about one frame `row` of `log`; `clean` is what was learned from."""

    alert: object
    row: int
    log: Log
    clean: Log

    @property
    def key(self):
        return self.alert.key

    @property
    def byte(self):
        return self.log.frames.data[self.row].tolist()

    @property
    def usual(self):
        """Clean payloads of the id."""
        return self.clean.frames.data[self.clean.at[self.key]]

    def usual_at(self, place):
        """Clean numbers of the id in these bits."""
        return clean_values(self.clean, self.key, place)

    def before(self):
        """The id's frame before this one that has the same length."""
        rows = self.log.own(self.key, self.row)
        rows = rows[self.log.frames.dlc[rows] == self.log.frames.dlc[self.row]]
        return self.log.frames.data[rows[-2]]


def value_at(place, data):
    """The number in bits `place` of one payload."""
    first, last, big = re.fullmatch(r"bits (\d+)\.\.(\d+)( big-endian)?", place).groups()
    top, start = (int(first), int(last)) if big else (int(last), int(first))
    content = bytes(data[:8].tolist())
    if big:
        part, length = (
            content[top // 8 : start // 8 + 1],
            8 * (start // 8 - top // 8) + top % 8 - start % 8 + 1,
        )
        return int.from_bytes(part, "big") >> start % 8 & (1 << length) - 1, length
    return int.from_bytes(content, "little") >> start & (1 << top - start + 1) - 1, top - start + 1


def values(place, rows):
    return np.array([value_at(place, data)[0] for data in rows])


@cache
def clean_values(clean, key, place):
    """The id's numbers in these bits in the clean log."""
    return values(place, clean.frames.data[clean.at[key]])


def far(value, before, length):
    apart = (value - before) % (1 << length)
    return min(apart, (1 << length) - apart)


def rarely(breaks):
    """Whether hardly any of the clean frames break what is expected."""
    return np.mean(breaks) <= UNUSUAL


def unknown(case, ids, name):
    assert int(ids) == len(case.clean.at)
    assert case.key not in case.clean.at
    assert name == key_text(case.key)


def steady(case, ids, name, every_ms, times):
    unknown(case, ids, name)
    rows = case.log.own(case.key, case.row)[-int(times) - 1 :]
    gaps_us = np.diff(case.log.frames.t_us[rows])
    assert len(gaps_us) == int(times) >= 8
    assert abs(gaps_us[0] - 1000 * int(every_ms)) <= 1000
    assert (np.abs(gaps_us - gaps_us[0]) <= gaps_us[0] / 4 + 1000).all()
    assert case.alert.severity == "low"


def length(case, usual, seen):
    clean = set(case.clean.frames.dlc[case.clean.at[case.key]].tolist())
    assert clean == {int(one) for one in usual.split(" or ")}
    assert case.log.frames.dlc[case.row] == int(seen)
    assert int(seen) not in clean


def short(case, gaps, least, seen):
    gaps, times = int(gaps), case.log.frames.t_us[case.log.own(case.key, case.row)]
    assert times[-1] - times[-1 - gaps] == int(seen) < int(least)
    clean = case.clean.frames.t_us[case.clean.at[case.key]]
    assert rarely(clean[gaps:] - clean[:-gaps] < int(least))


def crowding(case, most, seen):
    last = case.log.frames.key[max(case.row - RECENT + 1, 0) : case.row + 1]
    assert np.sum(last == case.key) == int(seen) > int(most)
    clean = case.clean.frames.key
    busiest = max(case.clean.at, key=lambda key: len(case.clean.at[key]))
    assert np.convolve(clean == busiest, np.ones(RECENT)).max() <= int(most)


def starting(case, until, seen):
    for log, rows in ((case.log, [case.row]), (case.clean, case.clean.at[case.key])):
        since = log.frames.t_us[rows] // 1_000_000 - log.frames.t_us[0] // 1_000_000
        if log is case.log:
            assert since[0] == int(seen) >= int(until)
        else:
            assert since.max() < int(until)


def silent(case, within, seen):
    last = case.log.own(case.key, case.row)[-1]
    assert case.alert.t_us - case.log.frames.t_us[last] == int(seen) > int(within)
    assert rarely(np.diff(case.clean.frames.t_us[case.clean.at[case.key]]) > int(within))


def constant(case, *said):
    k, bits, mask, again, seen = said
    mask, bits = int(mask, 16), int(bits, 16)
    assert k == again
    assert np.all(case.usual[:, int(k)] & mask == bits)
    assert case.byte[int(k)] == int(seen, 16)
    assert int(seen, 16) & mask != bits


def within(case, *said):
    k, low, high, again, seen = said
    column, low, high = case.usual[:, int(k)], int(low, 16), int(high, 16)
    assert k == again
    assert (column.min(), column.max()) == (low, high)
    assert case.byte[int(k)] == int(seen, 16)
    assert not low <= int(seen, 16) <= high


def stepping(case, place, most, seen):
    (now, length), (then, _) = (value_at(place, data) for data in (np.array(case.byte), case.before()))
    assert far(now, then, length) == int(seen) > int(most)
    clean = case.usual_at(place).tolist()
    assert rarely([far(b, a, length) > int(most) for a, b in pairwise(clean)])


def ranging(case, place, low, high, seen):
    value, length = value_at(place, np.array(case.byte))
    size, low = 1 << length, int(low)
    span = (int(high) - low) % size
    assert value == int(seen)
    assert (value - low) % size > span
    assert rarely((case.usual_at(place) - low) % size > span)


def standing(case, place, most, seen):
    data = case.log.frames.data[case.log.own(case.key, case.row)]
    value = values(place, data[-int(seen) - 2 :])
    assert np.all(value[1:] == value[-1])
    assert len(value) == int(seen) + 1 or value[0] != value[1]
    assert int(seen) > int(most)
    clean = case.usual_at(place)
    ends = np.flatnonzero(np.append(np.diff(clean) != 0, True))
    runs = np.diff(ends, prepend=-1) - 1
    moving = clean[ends] != np.bincount(clean).argmax()
    assert rarely(runs[moving & (clean[ends] != 0)] > int(most))


def counting(case, place, want, seen):
    now, before = value_at(place, np.array(case.byte))[0], value_at(place, case.before())[0]
    assert now == int(seen) != int(want)
    clean = case.usual_at(place)
    after = clean[1:][clean[:-1] == before]
    # A counter that stands still for some frames goes on to one other value.
    moved = after[after != before]
    assert np.bincount(moved).argmax() == int(want)
    assert rarely(moved != int(want))


def summing(case, k, want, seen):
    assert case.byte[int(k)] == int(seen, 16) != int(want, 16)
    if case.log.frames.simulated and any(message.id == case.key for message in MESSAGES):
        message = next(message for message in MESSAGES if message.id == case.key)
        assert int(k) == message.dlc - 1
        covered = case.log.frames.data[case.row : case.row + 1, : int(k)]
        assert simulate.checksum(message.checksum, covered)[0] == int(want, 16)
    else:
        others = [j for j in range(8) if j != int(k)]
        alike = np.all(case.usual[:, others] == np.array(case.byte)[others], axis=1)
        assert np.all(case.usual[alike, int(k)] == int(want, 16))


def summing_nibble(case, place, want, seen):
    assert value_at(place, np.array(case.byte))[0] == int(seen, 16) != int(want, 16)
    if case.key == NIBBLE:
        # Whichever of the nibbles the checksum is said to be.
        total = int(
            np.bitwise_xor.reduce([nibble for byte in case.byte[:3] for nibble in (byte >> 4, byte & 15)])
        )
        assert total ^ int(seen, 16) ^ int(want, 16) == XOR


def ordered(case, *said):
    side, number, other, own, seen, again = said
    number, place = int(number), ("up to ", "", "from ").index(side)

    def classes(log, rows):
        """Runs of the other id, and whether they are shorter than usual, usual or longer."""
        there = log.at[int(other, 16) | (len(other) == 8) << 29]
        runs = np.diff(np.searchsorted(there, rows)) & 255
        return runs, np.sign(runs - (number + 1 - place)) + 1

    assert (key_text(case.key), other) == (own, again)
    rows = case.log.own(case.key, case.row)
    runs, kind = classes(case.log, rows)
    _, clean = classes(case.clean, case.clean.at[case.key])
    judged = np.flatnonzero((runs == int(seen)) & (rows[1:] > case.row - WINDOW))
    # What is unusual and stays so is no news either.
    assert any(kind[at] != place for at in judged)
    assert np.mean(clean == place) > 0.02 or any(kind[at - 1] == place for at in judged)


def of_window(log, begin, at, what, ids):
    """What a window of time has of one of the things that are counted, and its frames of known ids."""
    frames = log.frames
    keys = frames.key[begin:at].tolist()
    known = [key in ids for key in keys]
    if what == "frames":
        return at - begin, sum(known)
    if what == "ids":
        return len(set(keys) & set(ids)), sum(known)
    if what == "us of silence":
        return int(np.diff(frames.t_us[begin:at]).max(initial=0)), sum(known)
    bits = changes = 0
    for row, (key, there) in enumerate(zip(keys, known, strict=True), begin):
        if there:
            own = log.own(key, row)
            now, then = (np.bitwise_xor.reduce(frames.data[r, :8]) for r in own[[-1, max(-2, -len(own))]])
            flipped = int(now ^ then if len(own) > 1 else now).bit_count()
            bits, changes = bits + flipped, changes + (flipped > 0)
    return (bits if "bits" in what else changes), sum(known)


@cache
def clean_windows(clean, window_us, what):
    """What some of the clean windows have, and their frames of known ids."""
    some = list(clean.windows(window_us).items())
    return [of_window(clean, begin, at, what, clean.at) for at, begin in some[:: max(len(some) // 100, 1)]]


def windowed(case, *said):
    about, what, window_us, seen, again = said
    assert what == again
    begin = case.log.windows(int(window_us))[case.row]
    found, known = of_window(case.log, begin, case.row, what, case.clean.at)
    assert found == int(seen)
    # What is usual lies between the least and the most of clean windows, as far as buckets tell.
    counted = "changed" in what  # a frame
    clean = [
        (number + 1) / (n if counted else 1) for number, n in clean_windows(case.clean, int(window_us), what)
    ]
    usual = (int(about) + 1) / (known if counted else 1)
    assert 0.8 * min(clean) <= usual <= 1.25 * max(clean)
    assert case.key is None or case.key in case.clean.at


def denied(case, name, payload, more):
    frames = case.log.frames
    dlc = int(frames.dlc[case.row])
    assert name == key_text(case.key)
    assert bytes.fromhex(payload) == bytes(case.byte[: min(dlc, 8)])
    assert bool(more) == (dlc > 8)


ID, HEX, BITS = "([0-9A-F]+)", "([0-9A-F]{2})", r"(bits \d+\.\.\d+(?: big-endian)?)"
COUNTED = "(frames|ids|us of silence|changed bits of folded payloads|changed payloads)"
FORMS = {
    ("unknown-id", "id"): (r"one of (\d+) known ids", f"id {ID}", unknown),
    ("unknown-id", "steady"): (r"one of (\d+) known ids", rf"id {ID}, every (\d+) ms, (\d+) times", steady),
    ("dlc", "length"): (r"length ([\d or]+)", r"length (\d+)", length),
    ("timing", "gap"): (r"(1) gap of at least (\d+) us", r"(\d+) us", short),
    ("timing", "gaps"): (r"(2) gaps of at least (\d+) us", r"(\d+) us", short),
    ("rate", "share"): (r"at most (\d+) of 32 frames", r"(\d+) of them", crowding),
    ("rate", "start"): (r"only in the first (\d+) s after waking up", r"(\d+) s after it", starting),
    ("missing", "silence"): (r"a frame within (\d+) us", r"none for (\d+) us", silent),
    ("payload", "bits"): (rf"byte (\d) has {HEX} in bits {HEX}", rf"byte (\d) is {HEX}", constant),
    ("payload", "byte"): (rf"byte (\d) in {HEX}\.\.{HEX}", rf"byte (\d) is {HEX}", within),
    ("payload", "step"): (rf"value at {BITS} steps by at most (\d+)", r"(\d+)", stepping),
    ("payload", "range"): (rf"value at {BITS} in (\d+)\.\.(\d+)", r"(\d+)", ranging),
    ("payload", "frozen"): (rf"value at {BITS} the same for at most (\d+) frames", r"for (\d+)", standing),
    ("counter", "counter"): (rf"counter at {BITS} is (\d+)", r"it is (\d+)", counting),
    ("checksum", "byte"): (rf"checksum byte (\d) is {HEX}", HEX, summing),
    ("checksum", "nibble"): (rf"checksum at {BITS} is ([0-9A-F])", "([0-9A-F])", summing_nibble),
    ("sequence", "run"): (rf"(up to |from |)(\d+) of {ID} between two of {ID}", rf"(\d+) of {ID}", ordered),
    ("bus-load", "window"): (rf"about (\d+) {COUNTED} in (\d+) us", rf"(\d+) {COUNTED}", windowed),
    ("rate", "window"): (rf"about (\d+) {COUNTED} in (\d+) us", rf"(\d+) {COUNTED}", windowed),
    ("payload", "window"): (rf"about (\d+) {COUNTED} in (\d+) us", rf"(\d+) {COUNTED}", windowed),
    ("unknown-id", "denied"): (r"no frame that matches a denied pattern", rf"{ID}#([0-9A-F]*)(\.\.\.)?", denied),
    ("payload", "denied"): (r"no frame that matches a denied pattern", rf"{ID}#([0-9A-F]*)(\.\.\.)?", denied),
}  # fmt: skip
"""By kind and form: what was expected and what was seen, as patterns, and who looks it up."""


def form_of(alert, log, clean):
    """The form of an alert's words, after they were looked up; an AssertionError tells what is not so."""
    for (kind, form), (expected, seen, check) in FORMS.items():
        told = re.fullmatch(f"{expected}\n{seen}", f"{alert.expected}\n{alert.seen}")
        if kind == alert.kind and told:
            rows = log.rows(alert)
            assert len(rows), f"no frame for {alert}"
            errors = []
            for row in rows.tolist():
                try:
                    check(Case(alert, row, log, clean), *told.groups())
                except AssertionError as error:
                    errors.append(error)
            assert len(errors) < len(rows), f"not so: {alert}: {errors[0]}"
            return kind, form
    raise AssertionError(f"words of no known form: {alert}")
