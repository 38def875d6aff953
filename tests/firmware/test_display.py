"""What a meter's display shows is read back from its pixels, on the Wemos shield's 64x48 and on 128x64."""

import json

import pytest

import framebuf_stand_in
from canbean.board import firmware

SIZES = ((64, 48), (128, 64))
SEGMENTS = dict(
    zip("0123456789-", (0x77, 0x24, 0x5D, 0x6D, 0x2E, 0x6B, 0x7B, 0x25, 0x7F, 0x6F, 8), strict=True)
)
VALUES = ("117.5", "87.4", "60", "0.0", "-9.25", "180.00", "234.1", "-0.5", "5", "99")


class Display(framebuf_stand_in.FrameBuffer):
    """Notes where it is drawn on."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.bytes = bytearray(width * height // 8)
        self.boxes, self.letters, self.shown = [], [], 0
        super().__init__(self.bytes, width, height, framebuf_stand_in.MONO_VLSB)

    def fill_rect(self, x, y, width, height, colour):
        if colour:
            self.boxes.append((x, y, x + width, y + height))
        super().fill_rect(x, y, width, height, colour)

    def text(self, letters, x, y, colour=1):
        self.letters += [(y, x + 8 * n, letter) for n, letter in enumerate(letters)]

    def show(self):
        self.shown += 1


def drawn(size, *state):
    display = Display(*size)
    firmware.module("display").draw(display, *state)
    assert display.shown == 1
    for left, top, right, bottom in display.boxes:
        assert 0 <= left < right <= display.width
        assert 0 <= top < bottom <= display.height
    for y, x, _ in display.letters:
        # the font's letters are 7 wide in 8; the last column may be cut
        assert 0 <= x <= display.width - 7
        assert 0 <= y <= display.height - 8
    return display


def read_back(display):
    """The value that the bars show: digits from left to right by which of their seven segments are lit."""
    thick = (display.width >> 5) + 1
    height = max(bottom for *_, bottom in display.boxes)
    points = sorted(
        left for left, top, right, bottom in display.boxes if (right - left, bottom - top) == (thick, thick)
    )
    lit = [any(display.pixel(x, y) for y in range(height)) for x in range(display.width)] + [False]
    columns, start = [], None
    for x, on in enumerate(lit):
        if on and start is None:
            start = x
        elif not on and start is not None:
            columns.append((start, x))
            start = None
    said = ""
    for left, right in columns:
        if left in points:
            said += "."
            continue
        bits = 0
        half = height - thick >> 1
        if right - left == thick:
            # a "1": its bars are on the right
            said += "1"
            continue
        for i in range(7):
            x = (left + thick // 2, right - 1 - thick // 2)[i % 3 == 2] if i % 3 else (left + right) // 2
            y = i // 3 * half + (half + thick) // 2 if i % 3 else i // 3 * half + thick // 2
            # the middles of upright bars are apart from those of the others
            bits |= display.pixel(x, y - (thick if i % 3 else 0)) << i
        said += next((digit for digit, segments in SEGMENTS.items() if segments == bits), "?")
    return said


def rows(display):
    """What is written below, line by line."""
    found = {}
    for y, x, letter in sorted(display.letters):
        found.setdefault(y, []).append((x, letter))
    return ["".join(letter for _, letter in found[y]) for y in sorted(found)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value", VALUES)
def test_large_digits(size, value):
    display = drawn(size, value, None, None, None, "ok")
    assert read_back(display) == value
    assert max(bottom for *_, bottom in display.boxes) > display.height // 2
    assert rows(display) == []


@pytest.mark.parametrize("size", SIZES)
def test_interval_degree_and_age_of_the_calibration(size):
    wide = size[0] > 64
    assert rows(drawn(size, "87.4", "3.2", "Medium", False, "ok")) == ["+-3.2", "Medium"]
    assert rows(drawn(size, "87.4", "3.2", "Medium", None, "ok")) == ["+-3.2", "Medium"]
    assert rows(drawn(size, "87.4", "3.2", "Medium", True, "ok")) == ["+-3.2cal", "Medium"]
    long = "Medium Light" if wide else "M.Light"
    assert rows(drawn(size, "117.5", "12.3", "Medium Light", True, "ok")) == ["+-12.3cal", long]
    assert rows(drawn(size, "60", None, None, True, "ok")) == ["cal"]


@pytest.mark.parametrize("size", SIZES)
def test_words_where_there_is_no_value(size):
    reader = firmware.module("quality").QUALITY
    for quality in (*reader[1:], "no sensor", "bad sample"):
        display = drawn(size, None, None, None, True, quality)
        assert display.boxes == []
        assert " ".join(rows(display)) == quality


ON_VM = """
import framebuf, json
from canbean.display import digits
said = []
for width, height in {sizes}:
    for value in {values}:
        pixels = bytearray(width * height // 8)
        display = framebuf.FrameBuffer(pixels, width, height, framebuf.MONO_VLSB)
        class Display:
            fill_rect = display.fill_rect
        Display.width = width
        digits(Display, value, height - 21)
        said.append(list(pixels))
print(json.dumps(said))
"""


def test_the_vm_draws_the_same(vm):
    said = json.loads(vm.run(ON_VM.format(sizes=SIZES, values=VALUES)))
    assert said == [
        list(drawn(size, value, None, None, None, "ok").bytes) for size in SIZES for value in VALUES
    ]
