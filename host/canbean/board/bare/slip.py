"""SLIP (RFC 1055): packets on a serial line, as the ESP boot loaders speak it."""

from __future__ import annotations

END = b"\xc0"
ESCAPE = b"\xdb"
ESCAPED_END = b"\xdb\xdc"
ESCAPED_ESCAPE = b"\xdb\xdd"


def packet(content: bytes) -> bytes:
    """One packet, with the byte that ends packets on both sides."""
    return END + content.replace(ESCAPE, ESCAPED_ESCAPE).replace(END, ESCAPED_END) + END


class Packets:
    """Packets out of a stream of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> list[bytes]:
        """The packets that these bytes complete; empty ones are none."""
        *whole, self._rest = (self._rest + data).split(END)
        return [one.replace(ESCAPED_END, END).replace(ESCAPED_ESCAPE, ESCAPE) for one in whole if one]

    @property
    def inside(self) -> bool:
        """Whether a packet has begun and not ended."""
        return bool(self._rest)
