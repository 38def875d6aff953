"""Frames between a driver and the detectors, and their time, on both Pythons' own files."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from canbean.board import firmware

clock = firmware.module("clock")
ring = firmware.module("ring")


class Ticks:
    """A microsecond counter that wraps at 2**30, as on an ESP8266."""

    def __init__(self, start: int) -> None:
        self.us = start

    def __call__(self) -> int:
        return self.us & 0x3FFFFFFF


@given(st.integers(1, 5), st.lists(st.one_of(st.integers(0, 255), st.none()), max_size=40))
def test_a_ring_is_a_bounded_queue(n, steps):
    """A number is a frame that comes, None one that is taken."""
    frames, plain, lost = ring.Ring(n), deque(), 0
    for step in steps:
        if step is None:
            if plain:
                assert frames.records[frames.first] == plain.popleft()
                frames.take()
        else:
            at = frames.slot()
            if len(plain) == n:
                lost += 1
                assert at == -1
            else:
                frames.records[at] = step
                frames.put()
                plain.append(step)
        assert (frames.count, frames.lost) == (len(plain), lost)


@given(
    st.integers(0, 2**30 - 1),
    st.integers(0, 999_999),
    st.integers(0, 2**30 - 1),
    st.integers(0, 3),
    st.integers(0, 15),
)
def test_a_head_is_what_the_feed_sends(s, us, key, flags, code):
    time = clock.Clock(Ticks(0))
    time.s, time.us = s, us
    records = bytearray(b"\xff" * 40)
    ring.head(records, 20, time, key, flags, code)
    assert records[20:31] == s.to_bytes(4, "little") + (us | code << 20).to_bytes(3, "little") + (
        key | flags << 30
    ).to_bytes(4, "little")
    assert records[:20] == b"\xff" * 20
    assert records[31:] == b"\xff" * 9


@given(st.integers(0, 2**31), st.lists(st.integers(0, 1_000_000_000), max_size=30))
def test_the_clock_goes_on_where_ticks_wrap(start, steps):
    ticks = Ticks(start)
    time = clock.Clock(ticks)
    for step in steps:
        ticks.us += step
        time.read()
        assert divmod(ticks.us - start, 1_000_000) == (time.s, time.us)
