# What a bare virtual board's MicroPython has besides the VM's own: the modules `machine` and `network` of an ESP8266 or ESP32,
# with nothing wired to its pins. Runs in the MicroPython VM.
import os
import select
import sys
import termios

PWRON_RESET = 0
HARD_RESET = 6
SOFT_RESET = 4
AP_IF = 1
_system = os.system
_cause = int(os.getenv("CANBEAN_CAUSE") or 0)


def freq(hz=None):
    return 160000000


def reset_cause():
    return _cause


# At once, as the chip does it: the shell's parent is this VM.
def reset():
    _system("kill -9 $PPID")


def soft_reset():
    sys.exit()


class Pin:
    OUT = IN = PULL_UP = IRQ_RISING = IRQ_FALLING = 1

    def __init__(self, *_, **more):
        pass

    def __call__(self, *level):
        return 1

    value = on = off = init = irq = __call__


# No chip answers: every bit read is 1.
class SPI:
    def __init__(self, *_, **more):
        pass

    def write_readinto(self, out, into):
        for i in range(len(into)):
            into[i] = 255


# Nothing acknowledges its address.
class SoftI2C:
    def __init__(self, *_, **more):
        pass

    def scan(self):
        return []

    def _nobody(self, *_, **more):
        raise OSError(19)

    writeto = writevto = writeto_mem = readfrom = readfrom_into = readfrom_mem = readfrom_mem_into = _nobody


I2C = SoftI2C


class WDT:
    def __init__(self, timeout=0):
        pass

    def feed(self):
        pass


# The board's serial line is the VM's terminal.
class UART:
    def __init__(self, *_, **more):
        # every byte as it is, none stops anything, and reads that do not wait
        termios.setraw(0)
        mode = termios.tcgetattr(0)
        mode[6][5] = mode[6][6] = 0
        termios.tcsetattr(0, termios.TCSANOW, mode)
        self.poll = select.poll()
        self.poll.register(sys.stdin, select.POLLIN)
        self.readinto = sys.stdin.buffer.readinto
        self.write = sys.stdout.buffer.write

    # the terminal takes any rate
    def init(self, *_, **more):
        pass

    def any(self):
        for _ in self.poll.poll(0):
            return 1
        return 0


class WLAN:
    def __init__(self, _):
        pass

    def active(self, *on):
        return False
