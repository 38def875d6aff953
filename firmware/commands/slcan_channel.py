# An open slcan channel: frames as lines t T r R, alerts and the bus's state as frames of the host's alerts.dbc. It stands
# between the gateway and its detectors, in place of its JSON, and brings commands to slcan.py, whose code so takes heap
# only while there is one. Detectors come first: a frame that the serial line has no room for, or that comes while many
# wait for them, is not shown but counted; nor are CAN FD and error frames shown, which the protocol lacks.
import gc
import struct

from canbean.passing import passing

from commands import slcan_alerts, slcan_lines


class Channel:
    # `first`: the id of an alert's first frame; `stamped`: with milliseconds modulo 60,000
    def __init__(self, app, first, stamped):
        self.app = app
        self.first = first
        self.stamped = stamped
        self.line = bytearray(32)
        # its beginnings, made when they are needed first
        self.views = [None] * 32
        # a frame of ours, and the one of the bus whose time it has
        self.record = self.records = bytearray(19)
        self.at = 0
        self.seq = 0
        self.second = -1
        # frames that were not shown, and what the host was told last
        self.hidden = 0
        self.told = (0, 0, 0)
        # for how many microseconds more the serial line is busy, and when that was so
        self.busy = 0
        self.ticks = app.board.ticks_us()
        self.baud = getattr(app.board, "BAUD", 0)
        # bit rate and listen-only of the bus, and what its settings say of them
        self.now = self.home = None
        # sends a frame, where the host may
        self.transmit = None
        self.score = app.watch.frame
        self.write = app.lines.write
        self.sent = app.lines.send
        app.watch.frame = self.frame
        app.lines.send = self.send
        link = app.console.link
        self.before = link.on_command, link.on_packet
        link.on_command = self.command
        link.on_packet = self.packet

    def end(self):
        app = self.app
        app.slcan = None
        app.console.link.on_command, app.console.link.on_packet = self.before
        app.watch.frame = self.score
        app.lines.send = self.sent
        if self.now != self.home:
            app.begin(self.home)

    # In place of the console's. A command in words is for that.
    def command(self, text):
        word = text.split(None, 1)[0]
        if len(word) > 1 and word.isalpha() and word.islower():
            self.end()
            self.before[0](text)
        elif text[0] in b"tT" and self.transmit:
            self.write(self.transmit(self.app.bus, str(text, "ascii")))
        else:
            gc.collect()
            try:
                from commands import slcan
            except MemoryError:
                self.end()
                raise
            try:
                slcan.run(self.app, (str(text, "ascii"),))
            finally:
                passing(None)

    def packet(self, *packet):
        self.end()
        self.before[1](*packet)

    # In place of the watch's.
    def frame(self, records, at):
        self.records = records
        self.at = at
        self.show(records, at, False)
        if records[at] != self.second:
            self.second = records[at]
            self.state()
        self.score(records, at)

    # In place of the lines'. An alert has its number from there, so that the host can tell afterwards that it came as frames;
    # one that is asked for again has an older one.
    def send(self, kind, pairs=(), seq=-1):
        if kind != "alert" or seq != self.app.lines.seq - 1:
            return
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
        if top & 64 or self.baud and not self.room(slcan_lines.length(records, at, self.stamped), always):
            self.hidden = self.hidden + 1 & 0x3FFFFFFF
            return
        n = slcan_lines.text(self.line, records, at, self.stamped)
        view = self.views[n]
        if not view:
            view = self.views[n] = memoryview(self.line)[:n]
        self.write(view)

    # Whether the serial line has room for so many bytes and detectors have time for it; or in any case.
    def room(self, bytes, always):
        now = self.app.board.ticks_us()
        self.busy = max(0, self.busy - (now - self.ticks & 0x3FFFFFFF))
        self.ticks = now
        cost = bytes * 10000000 // self.baud
        ring = self.app.ring
        # a transmit FIFO holds 100 bytes and a few more
        if not always and (self.busy + cost > 1000000000 // self.baud or 2 * ring.count > ring.n):
            return False
        self.busy += cost
        return True
