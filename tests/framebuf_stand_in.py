"""`framebuf` of MicroPython on CPython, as far as displays here use it: one format, and letters that are boxes with the letter's bits."""

MONO_VLSB = 0


class FrameBuffer:
    def __init__(self, buffer, width, height, kind):
        assert kind == MONO_VLSB
        assert len(buffer) == width * height // 8
        self._buffer, self._size = buffer, (width, height)

    def pixel(self, x, y, colour=None):
        if not (0 <= x < self._size[0] and 0 <= y < self._size[1]):
            return None
        at, bit = (y >> 3) * self._size[0] + x, 1 << (y & 7)
        if colour is None:
            return int(self._buffer[at] & bit > 0)
        self._buffer[at] = self._buffer[at] & ~bit | (bit if colour else 0)
        return None

    def fill_rect(self, x, y, width, height, colour):
        for row in range(y, y + height):
            for column in range(x, x + width):
                self.pixel(column, row, colour)

    def fill(self, colour):
        self.fill_rect(0, 0, *self._size, colour)

    def hline(self, x, y, width, colour):
        self.fill_rect(x, y, width, 1, colour)

    def vline(self, x, y, height, colour):
        self.fill_rect(x, y, 1, height, colour)

    def text(self, letters, x, y, colour=1):
        for n, letter in enumerate(letters):
            for i in range(49):
                if i % 7 in (0, 6) or i // 7 in (0, 6) or ord(letter) >> i % 7 & 1:
                    self.pixel(x + 8 * n + i % 7, y + i // 7, colour)
