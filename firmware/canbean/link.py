# What comes in over the serial line: packets and text commands in one stream that finds its feet again after
# noise. The first byte after a delimiter decides: 0, newline and return are skipped; 32 and above begin a
# line of text, which ends at newline or return (at 0 it was the rest of a packet); below 32 it is the type of
# a packet, whose other bytes are COBS-coded and end at 0. A packet ends with the CRC-24 of its type and its
# bytes, low byte first: with 16 bits one of 65,536 damaged packets would pass, which a long replay over a bad
# cable meets.

from array import array

# CRC-24 (RFC 4880) of the numbers 0..15
_TABLE = array("I", (
    0x000000, 0x864CFB, 0x8AD50D, 0x0C99F6, 0x93E6E1, 0x15AA1A, 0x1933EC, 0x9F7F17,
    0xA18139, 0x27CDC2, 0x2B5434, 0xAD18CF, 0x3267D8, 0xB42B23, 0xB8B2D5, 0x3EFE2E,
))  # fmt: skip


# Decodes in place the packet from `i` to before its delimiter at `end`; it then begins one further, and its CRC is behind it.
# False when it is not whole. Each COBS code byte leads to the next and becomes the zero it stands for; the first one makes
# room for the type.
try:
    from .link_viper import packet
except Exception:
    # as in dense.py: no native code here
    def packet(buffer, i, end):
        start = i + 1
        i = start + buffer[start]
        buffer[start] = buffer[start - 1]
        while i < end:
            code = buffer[i]
            buffer[i] = 0
            i += code
        if i != end:
            return False
        end -= 3
        crc = 0xB704CE
        crcs = _TABLE
        i = start
        while i < end:
            byte = buffer[i]
            crc = (crc & 0xFFFFF) << 4 ^ crcs[crc >> 20 ^ byte >> 4]
            crc = (crc & 0xFFFFF) << 4 ^ crcs[crc >> 20 ^ byte & 15]
            i += 1
        return crc & 255 == buffer[end] and crc >> 8 & 255 == buffer[end + 1] and crc >> 16 == buffer[end + 2]


class Link:
    # readinto(buffer) -> count, or None or 0 when nothing is there; on_command(bytes); on_packet(buffer,
    # start, end) with the packet, type first, decoded in place; on_error(exception) takes what these two
    # raise. EOFError, the end of the line, goes through.
    def __init__(self, readinto, on_command, on_packet, on_error, chunk=256, longest=160):
        self.readinto = readinto
        self.on_command = on_command
        self.on_packet = on_packet
        self.on_error = on_error
        # reads always go to the same place; what is incomplete is moved to just before it
        self._buffer = bytearray(longest + chunk)
        self._chunk = memoryview(self._buffer)[longest:]
        self.longest = longest
        self._kept = 0
        self._skip = False
        self.noise = 0

    # Handles what is there; the number of bytes read.
    def poll(self):
        got = self.readinto(self._chunk)
        if not got:
            return 0
        buffer = self._buffer
        longest = self.longest
        i = longest - self._kept
        n = longest + got
        if self._skip:
            i = self._delimiter(i, n)
            self._skip = i == n
        while i < n:
            first = buffer[i]
            if first > 31:
                end = self._delimiter(i, n)
                if end < n:
                    if buffer[end]:
                        self._command(i, end)
                    else:
                        self.noise += 1
                    i = end + 1
                    continue
                end = -1
            elif first == 0 or first == 10 or first == 13:
                i += 1
                continue
            else:
                end = buffer.find(b"\0", i, n)
                if end > 0 and self._packet(i, end):
                    i = end + 1
                    continue
            if end < 0 and n - i <= longest:
                break
            # too long or not whole: go on at its end, or at a newline in it, where a command may have been
            # typed
            self.noise += 1
            if end < 0:
                end = n
                self._skip = True
            i = buffer.find(b"\n", i, end)
            if i < 0:
                i = end
            else:
                self._skip = False
        to = longest - n + i
        self._kept = n - i
        while i < n:
            buffer[to] = buffer[i]
            to += 1
            i += 1
        return got

    def _delimiter(self, i, n):
        buffer = self._buffer
        while i < n and buffer[i] != 0 and buffer[i] != 10 and buffer[i] != 13:
            i += 1
        return i

    def _packet(self, i, end):
        # type, COBS code byte, up to 59 bytes, CRC
        if not 5 <= end - i <= 64 or not packet(self._buffer, i, end):
            return False
        try:
            self.on_packet(self._buffer, i + 1, end - 3)
        except EOFError:
            raise
        except Exception as error:
            self.on_error(error)
        return True

    def _command(self, i, end):
        buffer = self._buffer
        for j in range(i, end):
            if not 32 <= buffer[j] < 127:
                self.noise += 1
                return
        try:
            self.on_command(bytes(buffer[i:end]))
        except EOFError:
            raise
        except Exception as error:
            self.on_error(error)
