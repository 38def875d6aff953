# An OLED with an SH1106 (Sino Wealth) on I2C: as an SSD1306, with 132 columns and another converter.
from drivers.ssd1306 import Ssd1306


class Sh1106(Ssd1306):
    COLUMNS = 132
    # converter on
    POWER = b"\xad\x8b"
