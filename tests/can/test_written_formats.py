"""Every format that is written: what it says it has a place for comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs
from canbean.can.frames import ERR, FD, LENGTHS, RTR, Frames
from canbean.can.logs import formats
from canbean.can.logs.writing import writer
from canbean.errors import LogError


@st.composite
def tables(draw):
    """Frames of all kinds, of which a format takes what it has a place for."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(
        draw(st.sampled_from([[0], [0, RTR], [0, FD], [0, ERR], [0, FD, RTR, ERR, FD | RTR]])), n
    )
    ext = rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))
    id_ = np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n))
    id_ = np.where((flags == ERR) & (rng.random(n) < 0.5), 0, id_)
    dlc = np.where(flags & FD, rng.choice(LENGTHS, n), rng.integers(0, 9, n))
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    step = draw(st.sampled_from([1, 10, 100, 1000, 1_000_000]))
    start = draw(st.sampled_from([0, 1_700_000_000_000_000, -5_000_000]))
    t_us = start + step * np.cumsum(rng.integers(0, 20_000, n))
    if draw(st.booleans()):
        t_us = t_us * 0
    buses = draw(st.sampled_from([("can0",), ("can1",), ("can0", "can1", "can7"), ("vcan0", "é_b")]))
    labels = draw(st.sampled_from([("",), ("", "injected"), ("", "spoof", "flood")]))
    return Frames.of(
        t_us,
        id_,
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(buses), n),
        label=rng.integers(0, len(labels), n),
        buses=buses,
        labels=labels,
    )


def held(frames, form):
    """The frames that a format has a place for, each by itself and then together."""
    rows = [row for row in range(len(frames)) if not form.cannot_hold(frames[row : row + 1])]
    return frames[np.array(rows, np.int64)]


@pytest.mark.parametrize("ending", sorted(formats.writers()))
@settings(max_examples=40)
@given(frames=tables(), rows=st.sampled_from([1, 3, 1 << 18]))
def test_what_is_written_comes_back(tmp_path_factory, ending, frames, rows):
    path = tmp_path_factory.mktemp("log") / f"a{ending}"
    form = writer(path)
    frames = held(frames, form)
    if not len(frames):
        return
    if form.cannot_hold(frames):
        with pytest.raises(LogError, match="no place for"):
            logs.write(path, frames, rows=1 << 18)
        return
    logs.write(path, frames, rows)
    log = logs.read(path)
    assert log.format == form.NAME
    assert log.skipped == 0
    if form.NAME == "MF4":
        # Kinds of frames stand in groups: between those of one time the order is not held.
        frames, read = (of[np.lexsort((of.flags & (RTR | ERR), of.t_us))] for of in (frames, log.frames))
        assert read.equals(frames)
    else:
        assert log.frames.equals(frames)


@pytest.mark.parametrize("ending", sorted(formats.writers()))
def test_an_ordinary_capture_has_a_place(tmp_path, ending):
    frames = Frames.of(np.zeros(5), 0x123, np.ones((5, 8), np.uint8))
    logs.write(tmp_path / f"a{ending}", frames)
    assert logs.read(tmp_path / f"a{ending}").frames.equals(frames)
