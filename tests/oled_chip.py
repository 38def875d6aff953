"""An SSD1306 or SH1106 with its panel: what comes over I2C becomes RAM, and RAM what one sees. Runs on both Pythons.

From the datasheets (Solomon Systech SSD1306 rev 1.1, Sino Wealth SH1106 V2.3). Its panel is in the middle of the chip's columns and
is mounted as usual: upright where columns and rows run backwards.
"""

# commands by their first byte, and how many follow
TAKES = {0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1}
SSD1306 = {0x20: 1}
SH1106 = {0xAD: 1}


class Chip:
    def __init__(self, width, height, kind="ssd1306", at=0x3C):
        self.AT = at
        self.kind, self.width, self.height = kind, width, height
        self.columns = 128 if kind == "ssd1306" else 132
        # anything is in it after power-on
        self.ram = [bytearray((37 * i + 11 * page & 255) for i in range(self.columns)) for page in range(8)]
        self.page = self.column = 0
        self.settings = {}
        self.on = False
        self.shown_before_on = None
        self.missing = False

    def there(self):
        return not self.missing

    def begin(self):
        self.control = None
        self.waiting = 0

    def write(self, byte):
        if self.control is None:
            # one control byte, then all of one kind
            assert byte in (0, 0x40), byte
            self.control = byte
        elif self.control:
            self.ram[self.page][self.column] = byte
            # addresses go on within the page: the SSD1306 begins again there, the SH1106 stays at the end
            last = self.columns - 1
            self.column = self.column + 1 if self.column < last else 0 if self.kind == "ssd1306" else last
        elif self.waiting:
            self.waiting -= 1
            self.settings[self.command] = byte
        else:
            self.obey(byte)

    def obey(self, byte):
        takes = dict(TAKES)
        takes.update(SSD1306 if self.kind == "ssd1306" else SH1106)
        if byte < 0x10:
            self.column = self.column & 0xF0 | byte
        elif byte < 0x20:
            self.column = self.column & 0x0F | (byte & 15) << 4
        elif 0xB0 <= byte < 0xB8:
            self.page = byte & 7
        elif byte in takes:
            self.command, self.waiting = byte, takes[byte]
        elif byte in (0xA0, 0xA1, 0xA4, 0xA5, 0xA6, 0xA7, 0xC0, 0xC8):
            self.settings[byte & 0xFE if byte < 0xC0 else 0xC0] = byte
        elif 0x40 <= byte < 0x80:
            self.settings[0x40] = byte & 63
        elif byte in (0xAE, 0xAF):
            self.on = byte & 1
        else:
            raise AssertionError(f"no command of the {self.kind}: {byte:02x}")

    def seen(self):
        """Rows of pixels, 0 or 1, as the panel shows them; None where it is dark."""
        have = self.settings
        converter = have.get(0x8D) == 0x14 if self.kind == "ssd1306" else have.get(0xAD) == 0x8B
        if not self.on or not converter or have.get(0xA4) != 0xA4 or have.get(0xA6) != 0xA6:
            return None
        assert have.get(0x20, 2 if self.kind == "sh1106" else None) == 2  # addresses within a page
        assert have[0xA8] == self.height - 1
        assert have[0xDA] == 0x12
        assert (have[0xD3], have[0x40]) == (0, 0)
        left = (self.columns - self.width) // 2
        rows = []
        for y in range(self.height):
            # the multiplexer begins with the last row where rows run forwards
            row = y if have[0xC0] == 0xC8 else self.height - 1 - y
            line = [self.ram[row >> 3][left + x] >> (row & 7) & 1 for x in range(self.width)]
            rows.append(line if have[0xA0] == 0xA1 else line[::-1])
        return rows
