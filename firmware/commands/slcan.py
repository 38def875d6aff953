# The gateway as an adapter of LAWICEL's protocol, which python-can, SavvyCAN and slcand speak. One of the commands C F L N
# O S V Z turns it on, a command in words or a packet turns it off. While its channel is open no JSON is sent: what the bus
# receives leaves as lines, alerts as frames of the host's alerts.dbc, and detectors go on. It changes no setting, and where
# the board has a key not even the bit rate.
import os
import sys

from canbean import VERSION, const

_ALERTS = const(0x1FBEA500)  # the first of the ids of alerts.dbc
_RATES = const((10000, 20000, 50000, 100000, 125000, 250000, 500000, 800000, 1000000))


# what a board with a key asks of commands
READS = True


def run(app, words):
    Slcan(app).command(words[0].encode())


# What of this folder is in use needs no names any more; the console forgets the folder after the first command.
def forget(*names):
    for name in names:
        del sys.modules["commands." + name]
    if "commands.slcan" not in sys.modules:
        del sys.modules["commands"]


# What was set on this board: bit rate, whether it only listens, whether it may transmit, the first id of alerts.
def settings(board):
    from canbean.overlay import read, value

    lines = read()[1]
    bitrate = int(value(lines, "bitrate", getattr(board, "BITRATE", 0)))
    first = int(value(lines, "alertid", "%x" % _ALERTS), 16)
    return bitrate, value(lines, "listen", "1") != "0", value(lines, "transmit", "0") == "1", first


class Slcan:
    def __init__(self, app):
        self.app = app
        link = app.console.link
        self.before = link.on_command, link.on_packet
        link.on_command = self.command
        link.on_packet = self.packet
        self.bitrate, self.listen, self.may, self.first = settings(app.board)
        # of the bus while it is open
        self.now = self.bitrate, self.listen
        self.rate = self.bitrate
        self.show = self.send = None
        self.stamped = False
        self.told = (0, 0, 0)

    def packet(self, *packet):
        self.leave()
        self.before[1](*packet)

    def command(self, text):
        words = text.split()
        if words and len(words[0]) > 1 and words[0].isalpha() and words[0].islower():
            self.leave()
            self.before[0](text)
            return
        try:
            answer = self.answer(str(text, "ascii"))
        except (ValueError, IndexError, OSError):
            answer = b"\a"
        self.app.lines.write(answer)

    def answer(self, text):
        show = self.show
        if text[0] in "tT":
            return self.transmit(text)
        if text == "C":
            self.leave()
        elif text == "O" or text == "L":
            self.open(text == "L")
        elif text == "Z0" or text == "Z1":
            self.stamped = text == "Z1"
            if show:
                show.stamped = self.stamped
        elif text[0] == "S" and len(text) == 2 and not show:
            self.rate = _RATES["012345678".index(text[1])]
        elif text == "V":
            return b"V01%02d\r" % VERSION
        elif text == "N":
            return b"N" + self.app.lines.boot[:4].upper() + b"\r"
        elif text == "F" and show:
            return b"F%02X\r" % self.flags()
        else:
            return b"\a"
        return b"\r"

    # Since it was asked last: frames not shown 1, warning 4, frames lost 8, passive 32, errors 128.
    def flags(self):
        state, overflows, errors = self.app.bus.status()
        now = self.show.hidden, self.app.ring.lost + overflows, errors
        told = self.told
        self.told = now
        bits = (now[0] != told[0]) | (now[1] != told[1]) << 3 | (now[2] != told[2]) << 7
        return bits | (state == "warning") << 2 | (state in ("passive", "bus-off")) << 5

    # The bus is never less silent than its settings have it, and of two channels the first one stays.
    def open(self, silent):
        app = self.app
        if not app.bus or not app.watch:
            raise OSError
        if self.show:
            if silent and not self.now[1]:
                raise ValueError
            return
        if self.rate != self.bitrate and "key" in os.listdir():
            raise ValueError
        self.restart(self.rate, silent or self.listen)
        from commands.slcan_lines import Shown

        forget("slcan_lines", "slcan_alerts")
        self.show = Shown(app, self.first, self.stamped)

    def restart(self, *wanted):
        bus = self.app.bus
        if wanted == self.now:
            return
        filters = getattr(self.app, "filters", None)
        bus.stop()
        try:
            bus.start(*wanted, filters)
        except Exception:
            bus.start(*self.now, filters)
            raise
        self.now = wanted

    def leave(self):
        link = self.app.console.link
        link.on_command, link.on_packet = self.before
        if self.show:
            self.show.end()
            self.show = None
            self.restart(self.bitrate, self.listen)

    def transmit(self, text):
        if not self.show or not self.may or self.now[1]:
            return b"\a"
        if not self.send:
            from commands.slcan_send import send

            forget("slcan_send")
            self.send = send
        return self.send(self.app.bus, text)
