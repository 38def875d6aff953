# The controller of a port that has `machine.CAN`: STM32 since MicroPython 1.28, MIMXRT and some Alif boards since 1.29.
# Classic frames only, read without allocating.
from canbean.ring import DATA, head

from drivers.acceptance import pairs


class MachineCan:
    # `port` is machine.CAN, `number` its controller
    def __init__(self, port, number):
        self.port = port
        self.number = number
        self.can = None
        self.data = bytearray(8)
        self.message = []
        self.message += (0, memoryview(self.data), 0, 0)
        self.counters = [0] * 8
        # frames that say that some before them were lost; errors from before a restart, which clears the counters
        self.flagged = self.errors = 0

    def start(self, bitrate, listen_only, filters):
        port = self.port
        try:
            self.can = port(self.number, bitrate, mode=port.MODE_SILENT if listen_only else port.MODE_NORMAL)
        except ValueError as error:
            raise ValueError("CAN %s at %d bit/s: %s" % (self.number, bitrate, error))
        chosen = None
        if filters:
            chosen = [(key, mask, port.FLAG_EXT_ID if ext else 0) for key, mask, ext in pairs(filters)]
        if chosen and len(chosen) > port.FILTERS_MAX:
            raise ValueError("this controller has %d filters, not %d" % (port.FILTERS_MAX, len(chosen)))
        self.can.set_filters(chosen)
        self.flagged = self.errors = 0

    def receive(self, ring, clock):
        can = self.can
        port = self.port
        message = self.message
        data = self.data
        got = 0
        clock.read()
        # what the ring has no room for waits in the controller, which counts what it cannot hold
        while ring.count < ring.n and can.recv(message):
            got += 1
            if message[3] & port.RECV_ERR_OVERRUN:
                self.flagged = self.flagged + 1 & 0x3FFFFFFF
            at = ring.slot()
            length = len(message[1])
            ext = message[2] & port.FLAG_EXT_ID
            key = message[0] | (1 << 29 if ext else 0)
            head(ring.records, at, clock, key, 2 if message[2] & port.FLAG_RTR else 0, length)
            records = ring.records
            for i in range(8):
                records[at + DATA + i] = data[i] if i < length else 0
            ring.put()
        return got

    # Overflows by the controller's counter, or by the flags of received frames where it has none; errors are how often
    # its state got worse. A controller that is off the bus is started again.
    def status(self):
        can = self.can
        port = self.port
        if can is None:
            return "silent chip", 0, 0
        now = can.state()
        counters = can.get_counters(self.counters)
        overflows = self.flagged if counters[7] is None else counters[7]
        errors = self.errors
        for i in range(2, 5):
            errors += counters[i] or 0
        for state, word in (
            (port.STATE_STOPPED, "silent chip"),
            (port.STATE_WARNING, "warning"),
            (port.STATE_PASSIVE, "passive"),
            (port.STATE_BUS_OFF, "bus-off"),
        ):
            if now == state:
                break
        else:
            word = "ok"
        if now == port.STATE_BUS_OFF:
            self.errors = errors
            can.restart()
        return word, overflows, errors

    # Onto the bus: only where the engineer enabled it.
    def send(self, key, code, data):
        ext = self.port.FLAG_EXT_ID if key >> 29 else 0
        if self.can.send(key & 0x1FFFFFFF, data[: min(code, 8)], ext) is None:
            raise OSError("the transmit queue is full")

    def stop(self):
        if self.can:
            self.can.deinit()
        self.can = None
