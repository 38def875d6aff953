"""The kernel of the link's packets: the plain twin's answer and bytes, whole packets and damaged ones."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.board.packets import packets
from viper32 import Kernel

kernel = Kernel(firmware.folder() / "canbean" / "link_viper.py", "packet")
wide = Kernel(firmware.folder() / "canbean" / "link_viper.py", "packet", 64)
plain = firmware.module("link").packet
TYPED = b"\1".__add__


def compared(before, blob):
    """What all say of a packet up to its first zero."""
    end = before + blob.index(0)
    buffers = [bytearray(before) + blob for _ in range(3)]
    said = [bool(one(given, before, end)) for one, given in zip((plain, kernel, wide), buffers, strict=True)]
    assert buffers[0] == buffers[1] == buffers[2]
    assert said[0] == said[1] == said[2]
    assert not kernel.wrapped
    return said[0], bytes(buffers[0][before + 1 : end - 3])


@settings(max_examples=60)
@given(st.binary(max_size=58).map(TYPED), st.integers(0, 9))
def test_whole_packets(content, before):
    blob = packets(np.frombuffer(content, np.uint8).reshape(-1, 1)).tobytes()
    assert compared(before, blob) == (True, content)


@settings(max_examples=60)
@given(st.binary(max_size=20).map(TYPED), st.integers(0, 200), st.integers(1, 255))
def test_damaged_packets(content, place, harm):
    blob = bytearray(packets(np.frombuffer(content, np.uint8).reshape(-1, 1)).tobytes())
    blob[place % (len(blob) - 1)] ^= harm
    if blob.index(0) >= 5:
        whole, found = compared(0, bytes(blob))
        assert not whole or found == content
