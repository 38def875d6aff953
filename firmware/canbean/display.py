# What a meter's display shows: the value in large digits, its 90 % interval and the degree's name below, or why there is
# no value. For anything that has framebuf's methods, from 64x48 on.
from . import const

_ROW = const(10)
_LEAST = const(6)  # pixels to the next letter: the font's letters are 7 wide, and 8 apart where there is room
# From "-" on: segments of a digit, bit 0 the upper bar, then left and right below it, the middle bar, left and right, the
# lower bar. None is the point.
_SEGMENTS = b"\x08\0\0\x77\x24\x5d\x6d\x2e\x6b\x7b\x25\x7f\x6f"


# `height` pixels high from the top; four digits and a point are as wide as the display.
def digits(display, value, height):
    thick = (display.width >> 5) + 1
    wide = (display.width - thick) // max(4, len(value) - value.count(".")) - thick
    half = height - thick >> 1
    x = 0
    for c in value.encode():
        segments = _SEGMENTS[c - 45]
        for i in range(7):
            if segments >> i & 1:
                y = i // 3 * half
                side = i % 3
                if side:
                    display.fill_rect(x + (side - 1) * (wide - thick), y, thick, half + thick, 1)
                else:
                    display.fill_rect(x, y, wide, thick, 1)
        if segments:
            x += wide
        else:
            display.fill_rect(x, 2 * half, thick, thick, 1)
            x += thick
        x += thick


# Letters as far apart as fit `width`.
def row(display, text, y, width):
    step = max(_LEAST, min(8, width // len(text)))
    x = 0
    for c in text[: width // step]:
        display.text(c, x, y, 1)
        x += step


# `value` and the interval's half width as text or None, as are the degree's name and why there is no value.
def draw(display, value, half, degree, stale, quality):
    width = display.width
    y = display.height - 8
    display.fill(0)
    if value is None:
        words = quality.split()
        y = display.height - _ROW * len(words) >> 1
        for word in words:
            row(display, word, y, width)
            y += _ROW
    else:
        digits(display, value, y - 13)
        if degree:
            if 7 * len(degree) > width:
                # "M.Dark"
                degree = degree[0] + "." + degree[degree.find(" ") + 1 :]
            row(display, degree, y, width)
        y -= _ROW
        if stale:
            # calibrate
            width -= 24
            display.text("cal", width, y, 1)
        if half:
            row(display, "+-" + half, y, width)
    display.show()
