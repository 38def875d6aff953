from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR, Frames


@st.composite
def tables(draw, plain):
    """Any frames that the format has a place for; `plain` has no labels and no times before 0."""
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(draw(st.sampled_from([[0], [0, RTR], [0, FD], [0, FD, RTR, ERR]])), n)
    ext = (rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))) & (flags != ERR)
    dlc = np.where(flags & FD, rng.integers(0, 65, n), rng.integers(0, 9, n))
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    name = st.text("abcXYZ019_-é", min_size=1, max_size=12)
    buses = tuple(draw(st.lists(name, min_size=1, max_size=3, unique=True)))
    labels = ("", *(draw(st.lists(name, max_size=3, unique=True)) if not plain else ()))
    t_us = np.array(
        draw(st.lists(st.integers(0 if plain else -(10**15), 2 * 10**15), min_size=n, max_size=n)), np.int64
    )
    return Frames.of(
        t_us,
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(buses), n),
        label=rng.integers(0, len(labels), n),
        buses=buses,
        labels=labels,
    )


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@settings(max_examples=60)
@given(frames=tables(plain=False))
def test_labelled_csv_gives_back_what_was_written(tmp_path_factory, name, frames):
    path = tmp_path_factory.mktemp("log") / name
    logs.write(path, frames)
    log = logs.read(path)
    assert log.skipped == 0
    assert log.frames.equals(frames)


@pytest.mark.parametrize("name", ["a.log", "a.log.gz"])
@settings(max_examples=60)
@given(frames=tables(plain=True))
def test_candump_gives_back_what_was_written(tmp_path_factory, name, frames):
    path = tmp_path_factory.mktemp("log") / name
    logs.write(path, frames)
    log = logs.read(path)
    assert log.skipped == 0
    assert log.frames.equals(frames)
