"""The front end against floating point, at its edges, and as bytes."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.features import READING_LIMIT, Channel, Features
from canbean.tiny.packing import Reader


def true_feature(channel, values, at):
    y = np.log2(values) if channel.transform == "log2" else values
    z = np.log2(at) if channel.transform == "log2" else at
    return (z - y.mean()) / y.std()


@given(
    st.integers(0, 2**32 - 1),
    st.floats(-3, 6).map(lambda e: 10**e),
    st.floats(0.01, 0.5),
    st.sampled_from(["linear", "log2", None]),
)
def test_a_feature_is_the_standardised_value(seed, level, spread, transform):
    rng = np.random.default_rng(seed)
    values = level * np.exp(spread * rng.standard_normal(50))
    channel = Channel.fit(values, transform=transform)
    readings = channel.readings(values)
    seen = readings / 10.0**channel.decimals
    if transform == "log2" and readings.min() < 100:
        return  # logarithms of a few counts are as coarse as the counts
    features = channel.apply(readings) / 4096
    expected = true_feature(channel, seen, seen)
    # The last bit of a logarithm, in standard deviations, and that of the feature.
    fine = 1 / 4096 / np.log2(seen).std() if channel.transform == "log2" else 0
    assert np.abs(features - expected).max() < 1.5 * fine + 2 / 4096


def test_a_feature_saturates_and_never_overflows():
    channel = Channel.fit([100.0, 101, 102, 103], transform="linear")
    assert (
        channel.apply([-(2**40), -READING_LIMIT, READING_LIMIT, 2**40]).tolist() == [-32767] * 2 + [32767] * 2
    )
    log = Channel.fit([100.0, 200, 400], transform="log2")
    assert log.apply([-7, 0]).tolist() == log.apply([1, 1]).tolist()


@pytest.mark.parametrize(
    ("values", "decimals", "transform"),
    [
        ([101, 105, 103], 0, "linear"),
        ([101, 205, 303], 0, "log2"),
        ([0, 205, 303], 0, "linear"),
        ([-101, 205, 303], 0, "linear"),
        ([23.5, 23.75, 24], 2, "linear"),
        ([0.5, 1.0, 1.5], 1, "log2"),
        ([math.pi * 100_000, math.e * 100_000], 0, "linear"),
        ([1 / 3, 2 / 7, 3 / 11], 5, "linear"),
    ],
)
def test_decimals_and_transform_come_from_the_data(values, decimals, transform):
    channel = Channel.fit(values)
    assert (channel.decimals, channel.transform) == (decimals, transform)


def test_a_channel_that_never_changes_yields_zero():
    channel = Channel.fit([7.5, 7.5])
    assert channel.apply(np.array([-(2**28), 0, 75, 2**28])).tolist() == [0] * 4


@pytest.mark.parametrize("values", [[], [math.nan, 1], [math.inf, 1], [[1, 2]], [1e9, 2e9], [1e-9, 2e-9]])
def test_unusable_calibration_is_refused(values):
    with pytest.raises(QuantizeError):
        Channel.fit(values)


def test_a_table_of_another_width_is_refused():
    features = Features.fit([[1, 2], [3, 5]])
    for table in ([[1]], [1, 2], [[1, 2, 3]]):
        with pytest.raises(QuantizeError):
            features.apply(table)
        with pytest.raises(QuantizeError):
            features.readings(table)
    with pytest.raises(QuantizeError, match="finite"):
        features.readings([[1, math.nan]])
    with pytest.raises(QuantizeError):
        Features(())


def test_features_survive_their_bytes():
    rng = np.random.default_rng(5)
    features = Features.fit(np.exp(rng.standard_normal((40, 4))) * [1, 100, 1e4, 1e5])
    content = features.to_bytes()
    reader = Reader(content, "x")
    assert Features.parse(reader) == features
    reader.end()
    for length in range(len(content)):
        with pytest.raises(ModelError):
            Features.parse(Reader(content[:length], "x"))


@given(st.binary(min_size=12, max_size=12))
def test_any_bytes_are_a_channel_in_range_or_refused(row):
    try:
        channel = Features.parse(Reader(struct.pack("<HH", 1, 0) + row, "x")).channels[0]
    except ModelError:
        return
    at = np.array([-READING_LIMIT, -1, 0, 1, READING_LIMIT])
    assert np.abs(channel.apply(at)).max() <= 32767
