# What a MAX30102 or MAX30105 needs when it starts, and after an error; the code leaves the heap again.
from canbean import const

# registers
_ENABLE = const(0x02)
_SETTINGS = const(0x08)
_MODE = const(0x09)
_PART = const(0xFF)
# as in max3010x.py
_OVERFLOW = const(0x20)
_BURST = const(36)


def setup(chip):
    chip.three = p = bytearray(3)
    chip.burst = bytearray(_BURST)
    one = bytearray(1)
    chip.get(_PART, one)
    if one[0] != 0x15:
        chip.fail("is not what answers at its address: part id %02x" % one[0])
    chip.put(_MODE, 0x40)
    for _ in range(10):
        chip.sleep(2)
        chip.get(_SETTINGS, p)
        if not p[1]:
            break
    else:
        chip.fail("does not come out of its reset")
    chip.put(_ENABLE, _OVERFLOW)
    # averages of four, no overwriting; red and infrared; 16,384 nA, 200 a second, 411 us
    chip.put(_SETTINGS, 0x40, 3, 0x6B)
