"""Stand-ins of a board's own modules, `machine` and its like, with an MCP2515 on its pins. They run on both Pythons.

`log` keeps what a board file did: pins by their use, speeds, what was switched off.
"""

from mcp2515_chip import Chip


class Pin:
    OUT, IN, PULL_UP = "out", "in", "pull-up"

    def __init__(self, number, mode=None, pull=None, value=None):
        self.number, self.mode, self.pull = number, mode, pull
        if mode == self.OUT:
            assert value == 1  # the chip is not selected while it starts
            board.log["cs"] = number
        elif mode == self.IN:
            board.log["int"] = number

    def __call__(self, *level):
        if self.mode == self.OUT:
            board.chip.cs(*level)
            return None
        return board.chip.interrupt()


class Spi:
    def __init__(self, number, baudrate, sck=None, mosi=None, miso=None):
        board.log["spi"] = number
        board.log["hz"] = baudrate
        if sck is None:
            # the ESP8266's has its pins fixed
            board.log.update({"sck": 14, "si": 13, "so": 12})
        else:
            board.log.update({"sck": sck.number, "si": mosi.number, "so": miso.number})

    def write_readinto(self, out, into):
        board.chip.write_readinto(out, into)


class Uart:
    def __init__(self, number, baudrate, timeout, rxbuf):
        board.log["uart"] = (number, baudrate, timeout, rxbuf)
        self.there = b"hello"
        board.line = self

    def init(self, baudrate):
        board.log["rate"] = baudrate

    def any(self):
        return len(self.there)

    def readinto(self, buffer):
        n = min(len(buffer), len(self.there))
        buffer[:n] = self.there[:n]
        self.there = self.there[n:]
        return n

    def write(self, data):
        board.log["written"] = board.log.get("written", b"") + bytes(data)
        return len(data)


class Watchdog:
    def __init__(self, timeout=None):
        board.log["watchdog"] = timeout

    def feed(self):
        board.log["fed"] = board.log.get("fed", 0) + 1


class Machine:
    PWRON_RESET, HARD_RESET = 0, 6

    def reset_cause(self):
        return self.PWRON_RESET

    def __init__(self):
        self.Pin, self.SPI, self.UART, self.WDT = Pin, Spi, Uart, Watchdog

    def freq(self, hz):
        board.log["freq"] = hz


class Network:
    AP_IF = 1

    def __init__(self):
        self.WLAN = Wlan


class Wlan:
    def __init__(self, interface):
        assert interface == Network.AP_IF

    def active(self, on):
        board.log["access point"] = on


class MicroPython:
    def kbd_intr(self, byte):
        board.log["kbd_intr"] = byte


class Os:
    """`os` of an ESP8266, as far as its board file needs it."""

    def urandom(self, n):
        return bytes(n)

    def stat(self, path):
        raise OSError(2)

    def dupterm(self, stream, index):
        board.log["dupterm"] = (stream, index)


class Gc:
    def collect(self):
        pass

    def mem_free(self):
        return 30000


class Time:
    """A clock that stands while nobody sleeps."""

    now = 0

    def ticks_ms(self):
        return self.now

    def ticks_us(self):
        return self.now * 1000 & 0x3FFFFFFF

    def ticks_add(self, ticks, ms):
        return ticks + ms

    def ticks_diff(self, one, other):
        return one - other

    def sleep_ms(self, ms):
        self.now += ms


class Select:
    """`select` of a board: standard input has what `Stdin.there` has."""

    POLLIN = 1

    def poll(self):
        return self

    def register(self, stream, events):
        self.stream = stream

    def ipoll(self, ms):
        return iter([(self.stream, 1)] if self.stream.there else [])


class Stdin:
    there = b"hello"

    @property
    def buffer(self):
        return self

    def readinto(self, buffer):
        assert len(buffer) <= len(self.there)  # it would wait
        n = len(buffer)
        buffer[:] = self.there[:n]
        self.there = self.there[n:]
        return n


class Stdout:
    @property
    def buffer(self):
        return self

    def write(self, data):
        board.log["written"] = board.log.get("written", b"") + bytes(data)
        return len(data)


class Sys:
    def __init__(self, modules):
        self.stdin, self.stdout, self.modules = Stdin(), Stdout(), modules


class Board:
    def __init__(self):
        self.reset()

    def reset(self):
        self.log = {}
        self.chip = Chip()


board = Board()


def modules(real):
    """The modules by name; `real` is the real `sys.modules`."""
    return {
        "machine": Machine(),
        "network": Network(),
        "micropython": MicroPython(),
        "os": Os(),
        "gc": Gc(),
        "time": Time(),
        "select": Select(),
        "sys": Sys(real),
    }
