"""Boards: profiles, the serial link, the firmware to put on them, the virtual board."""

from canbean.board.link import Board, Record
from canbean.board.virtual import VirtualBoard

__all__ = ["Board", "Record", "VirtualBoard"]
