# What an open slcan channel shows: frames as lines t T r R, alerts and the bus's state as frames of the host's alerts.dbc.
# It stands between the gateway and its detectors, and in place of its JSON. A frame that the serial line has no room for is
# not shown but counted, so that the line never keeps detectors waiting; nor are CAN FD and error frames, which the protocol
# lacks.
import struct

from canbean import const

from commands import slcan_alerts

_HEX = const(b"0123456789ABCDEF")


# Bytes of `records`, `count` from `i` on, as digits in `line` from `n` on; where they end.
def digits(line, n, records, i, step, count):
    names = _HEX
    while count:
        byte = records[i]
        line[n] = names[byte >> 4]
        line[n + 1] = names[byte & 15]
        n += 2
        i += step
        count -= 1
    return n


class Shown:
    # `first`: the id of an alert's first frame; `stamped`: with milliseconds modulo 60,000
    def __init__(self, app, first, stamped):
        self.app = app
        self.first = first
        self.stamped = stamped
        self.line = bytearray(32)
        # its beginnings, made when they are needed first
        self.views = [None] * 32
        self.stamp = bytearray(2)
        # a frame of ours, and the one of the bus whose time it has
        self.record = self.records = bytearray(19)
        self.at = 0
        self.seq = 0
        self.second = -1
        # frames that were not shown
        self.hidden = 0
        # for how many microseconds more the serial line is busy, and when that was so
        self.busy = 0
        self.ticks = app.board.ticks_us()
        self.baud = getattr(app.board, "BAUD", 0)
        self.score = app.watch.frame
        app.watch.frame = self.frame
        app.lines.send = self.send

    def end(self):
        del self.app.watch.frame, self.app.lines.send

    # In place of the watch's.
    def frame(self, records, at):
        self.records = records
        self.at = at
        self.show(records, at, False)
        if records[at] != self.second:
            self.second = records[at]
            self.state()
        self.score(records, at)

    # In place of the lines'. An alert takes its number there, so that the host can tell afterwards that it came as frames.
    def send(self, kind, pairs=(), seq=-1):
        if kind != "alert" or seq >= 0:
            return
        self.app.lines.seq += 1
        self.seq = self.seq + 1 & 255
        for i, data in enumerate(slcan_alerts.alert(pairs, self.seq)):
            self.message(i, data)

    # The bus, once a second while it has frames.
    def state(self):
        state, overflows, errors = self.app.bus.status()
        self.message(3, slcan_alerts.bus(state, self.hidden, self.app.ring.lost + overflows, errors))

    # A frame of ours.
    def message(self, i, data):
        record = self.record
        record[:7] = self.records[self.at : self.at + 7]
        record[6] = record[6] & 15 | 0x80
        i += self.first
        record[7:] = struct.pack("<HH", i & 65535, i >> 16 | 0x2000) + data
        self.show(record, 0, True)

    def show(self, records, at, always):
        top = records[at + 10]
        ext = top & 32
        remote = top & 128
        size = min(records[at + 6] >> 4, 8)
        count = 0 if remote else size
        if top & 64 or self.baud and not self.room(2 * count + (11 if ext else 6), always):
            self.hidden = self.hidden + 1 & 0x3FFFFFFF
            return
        line = self.line
        if ext:
            n = digits(line, 1, records, at + 10, -1, 4)
            line[0] = 82 if remote else 84
            line[1] = 48 + (top >> 4 & 1)
        else:
            n = digits(line, 0, records, at + 8, -1, 2)
            line[0] = 114 if remote else 116
        line[n] = 48 + size
        n = digits(line, n + 1, records, at + 11, 1, count)
        if self.stamped:
            s = records[at] | records[at + 1] << 8 | records[at + 2] << 16 | (records[at + 3] & 63) << 24
            us = records[at + 4] | records[at + 5] << 8 | (records[at + 6] & 15) << 16
            ms = s % 60 * 1000 + us // 1000
            self.stamp[0] = ms >> 8
            self.stamp[1] = ms & 255
            n = digits(line, n, self.stamp, 0, 1, 2)
        line[n] = 13
        view = self.views[n]
        if not view:
            view = self.views[n] = memoryview(line)[: n + 1]
        self.app.lines.write(view)

    # Whether the serial line has room for so many bytes, and takes them if so; or in any case.
    def room(self, bytes, always):
        now = self.app.board.ticks_us()
        self.busy = max(0, self.busy - (now - self.ticks & 0x3FFFFFFF))
        self.ticks = now
        cost = (bytes + (4 if self.stamped else 0)) * 10000000 // self.baud
        # a transmit FIFO holds 100 bytes and a few more
        if not always and self.busy + cost > 1000000000 // self.baud:
            return False
        self.busy += cost
        return True
