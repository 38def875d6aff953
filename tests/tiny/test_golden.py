"""Golden vectors survive a round trip; damage is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import ModelError
from canbean.tiny import golden

vectors = st.lists(
    st.tuples(st.binary(max_size=30), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5)), max_size=8
)


@given(vectors)
def test_what_is_packed_is_unpacked(given_vectors):
    content = golden.pack(given_vectors)
    assert len(content) % 4 == 0
    assert golden.unpack(content) == given_vectors


def test_the_layout():
    assert golden.pack([(b"\x05", [-1])]) == b"\1\0\0\0\1\0\1\0\x05\0\0\0\xff\xff\xff\xff"


def test_what_does_not_fit_is_not_packed():
    with pytest.raises(ModelError, match="at most 8"):
        golden.pack([(b"", [])] * 9)
    with pytest.raises(ModelError, match="fit"):
        golden.pack([(b"", [2**31])])
    with pytest.raises(ModelError, match="fit"):
        golden.pack([(bytes(70_000), [])])


def test_what_is_reserved_must_be_zero():
    with pytest.raises(ModelError):
        golden.unpack(b"\0\0\1\0")


@given(vectors.filter(bool), st.data())
def test_a_cut_is_refused(given_vectors, data):
    content = golden.pack(given_vectors)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(ModelError, match="GOLD"):
        golden.unpack(content[:length])
    with pytest.raises(ModelError, match="too many"):
        golden.unpack(content + b"\0\0\0\0")


@given(st.binary(max_size=60))
def test_garbage_is_read_or_refused(content):
    try:
        found = golden.unpack(content)
    except ModelError:
        return
    assert golden.pack(found) == content
