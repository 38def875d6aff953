# What an MCP2515 needs once or rarely (Microchip DS20001801): its bit timing, masks, filters and mode, and a frame sent.
from canbean import const

_RESET = const(0xC0)
_READ = const(3)
_WRITE = const(2)
_READ_STATUS = const(0xA0)
_LOAD_TX0 = const(0x40)
_SEND_TX0 = const(0x81)
# registers
_CANSTAT = const(0x0E)
_CANCTRL = const(0x0F)
_MASKS = const(0x20)
_CNF3 = const(0x28)
_CANINTE = const(0x2B)
_CANINTF = const(0x2C)
_RXB0CTRL = const(0x60)
# CANCTRL after a reset; and while it works, with bits that tell the chip from a wire that is stuck low or high
_CONFIGURATION = const(0x87)
_LISTEN = const(0x63)
_NORMAL = const(0x03)
_EXT = const(1 << 29)


# The four registers of an identifier: id | ext << 29.
def identifier(key):
    ext = key >> 29
    if not ext:
        key <<= 18
    return bytearray(
        (key >> 21 & 255, key >> 13 & 0xE0 | ext << 3 | key >> 16 & 3, key >> 8 & 255, key & 255)
    )


# CNF3, CNF2 and CNF1: 8 to 25 quanta a bit, 16 where they fit as well as others, sampled at 75 to 87 % of it (at 68 %
# where only 25 quanta fit); at most 0.5 % beside the rate (section 5).
def timing(crystal, bitrate):
    clock = crystal * 500000
    best = 0x3FFFFFFF
    for n in range(8, 26):
        rate = n * bitrate or 1
        divider = (clock + rate // 2) // rate
        if 1 <= divider <= 64:
            off = abs(clock - divider * rate) * 32 + abs(n - 16)
            if off < best:
                best = off
                quanta = n
                prescaler = divider
    if best // 32 > clock // 200:
        raise ValueError("a crystal of %d MHz cannot make %d bit/s" % (crystal, bitrate))
    # the second phase segment; what it and the synchronisation leave is shared by propagation and first phase
    second = max(2, quanta // 5, quanta - 17)
    first = (quanta - 1 - second) // 2
    propagation = quanta - 1 - second - first
    jump = min(4, second - 1)
    return bytearray((second - 1, 0x80 | first - 1 << 3 | propagation - 1, jump - 1 << 6 | prescaler - 1))


# Waits until the chip is in the mode that `control` asks for.
def settle(chip, control):
    for _ in range(1000):
        b = chip.ask(_READ, _CANSTAT, 0, 0)
        if b[3] == control and not (b[2] ^ control) & 0xE0:
            chip.control = control
            return
    if b[3] == control:
        raise OSError("the MCP2515 stays in mode %d: does its transceiver have power?" % (b[2] >> 5))
    raise OSError("no MCP2515 answers: check its power, SPI wires and CS (read %02x %02x)" % (b[2], b[3]))


def start(chip, bitrate, listen_only, filters):
    registers = timing(chip.crystal, bitrate)
    # without filters: all standard frames by the first, all extended ones by the second
    keys = filters or (0, 0, 0, _EXT, 0, 0, 0, 0)
    for i in range(2, 8):
        mask = keys[i > 3]
        if mask >> 29 and mask & 0x3FFFF and not keys[i] >> 29:
            # section 4.5: those bits would be compared with its data
            raise ValueError("filter %d is standard, its mask extended" % (i - 2))
    chip.stop()
    settle(chip, _CONFIGURATION)
    for at in (0, 16):
        i = 5 if at else 2
        chip.ask(_WRITE, at, *(identifier(keys[i]) + identifier(keys[i + 1]) + identifier(keys[i + 2])))
    chip.ask(_WRITE, _MASKS, *(identifier(keys[0]) + identifier(keys[1]) + registers))
    if chip.ask(_READ, _CNF3, 0, 0, 0)[2:] != registers:
        raise OSError("the MCP2515 answers wrongly: check its SPI wires and their length")
    # what finds buffer 0 full goes into buffer 1
    chip.ask(_WRITE, _RXB0CTRL, 4)
    # pretends that both buffers are full: where INT says so it is used
    chip.ask(_WRITE, _CANINTE, 3, 3)
    wired = chip.wired
    low = wired and not wired()
    chip.ask(_WRITE, _CANINTF, 0)
    if low and wired():
        chip.interrupt = wired
        chip.direct = not filters
    control = _LISTEN if listen_only else _NORMAL
    chip.ask(_WRITE, _CANCTRL, control)
    settle(chip, control)


def send(chip, key, code, data):
    if chip.control != _NORMAL:
        raise OSError("this board only listens")
    if chip.ask(_READ_STATUS, 0)[1] & 4:
        # the one before is still waiting for the bus
        return False
    chip.transfer(bytearray((_LOAD_TX0,)) + identifier(key) + bytearray((code,)) + data)
    chip.ask(_SEND_TX0)
    return True
