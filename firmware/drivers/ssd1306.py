# An OLED with an SSD1306 (Solomon Systech) on I2C: a FrameBuffer that shows itself, page by page. A panel of less than 128 columns
# is in their middle: 64 of the Wemos shield from column 32 on.
import framebuf


class Ssd1306(framebuf.FrameBuffer):
    COLUMNS = 128
    # charge pump on; addresses go on within a page
    POWER = b"\x8d\x14\x20\x02"

    # `pixels`: the buffer that it was made of
    def switch_on(self, i2c, pixels, width, height, at=0x3C):
        self.i2c = i2c
        self.pixels = memoryview(pixels)
        self.width = width
        self.height = height
        self.at = at
        # off; rows, their first, none shifted; the panel's columns and rows run backwards; rows alternate; contrast; RAM, upright
        self.send(b"\0", b"\xae\xa8%c\xd3\0\x40\xa1\xc8\xda\x12\x81\xcf\xa4\xa6" % (height - 1) + self.POWER)
        self.fill(0)
        self.show()
        self.send(b"\0", b"\xaf")

    # What was drawn.
    def show(self):
        left = self.COLUMNS - self.width >> 1
        for page in range(self.height >> 3):
            self.send(b"\0", bytes((0xB0 | page, left & 15, 0x10 | left >> 4)))
            self.send(b"\x40", self.pixels[page * self.width : (page + 1) * self.width])

    # Commands (0) or pixels (0x40).
    def send(self, control, data):
        for _ in b"12":
            try:
                return self.i2c.writevto(self.at, (control, data))
            except OSError:
                pass
        raise OSError("the display does not answer: check its power and its I2C wires")
