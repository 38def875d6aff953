"""A virtual board as it comes from the shop: an ESP8266 with nothing on it, which esptool and mpremote take for one."""

from canbean.board.bare.board import BareBoard
from canbean.board.bare.faults import Faults

__all__ = ["BareBoard", "Faults"]
