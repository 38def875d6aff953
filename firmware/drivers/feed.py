# The binary feed: frames of a log come over the serial line, each handled exactly once and in order
# (go-back-N).
#
# start  u8 2, u8 session, u32 seconds to add to those of the frames, which so stay small integers
# frame  u8 1, u8 number mod 256, u32 seconds, u24 microseconds | DLC code << 20, u32 key | flags << 30,
#        0..8 data bytes
# got    u8 3, u8 1 to ask for those that are missing, u32 number of the line before which the host has all alerts,
#        u32 boot id of that line
#
# Little-endian; key is id | ext << 29; flags: 0 data, 1 FD, 2 remote, 3 error. Of longer FD frames the first
# eight bytes are sent, which is what the detectors look at. The answer is a line `ack` with the session, the
# frames handled and the alerts raised since its start, and gap 1 when a packet is missing. The host keeps at
# most `window` frames unanswered. While many alerts are not acknowledged no further frame is taken, so that none is lost.


class Feed:
    # Every frame goes to watch.frame(records, at), a frame record in the link's own buffer.
    def __init__(self, lines, window, watch):
        self.lines = lines
        self._every = window // 2
        self.watch = watch
        self._session = 0
        self._expected = 0
        self._unanswered = 0
        # 1: a packet is missing, 2: one was refused because of the alerts
        self._gap = 0
        self.frames = 0
        self.ignored = 0

    # Takes a packet of the link.
    def packet(self, b, i, end):
        size = end - i
        if b[i] == 2 and size == 6:
            self._session = b[i + 1]
            self._expected = self._gap = self.frames = 0
            self.lines.reset()
            self.watch.reset(int.from_bytes(b[i + 2 : i + 6], "little"))
            self._answer()
            return
        if b[i] == 3 and size == 10:
            # after a restart the numbers that the host knows are not ours
            ours = b"%08x" % int.from_bytes(b[i + 6 : i + 10], "little") == self.lines.boot
            self.lines.got(int.from_bytes(b[i + 2 : i + 6], "little") if ours else 0, b[i + 1])
            if self._gap == 2 and not self.wait():
                self._gap = 1
                self._answer()
            return
        # remote frames, flags 2, carry no data
        if b[i] != 1 or not 13 <= size <= 21 or b[i + 12] >> 6 != 2 and 13 + min(b[i + 8] >> 4, 8) > size:
            raise ValueError("unknown packet")
        number = b[i + 1]
        if number != self._expected:
            # one in the future means that a packet is missing: said at once, but once; one in the past came twice
            self.ignored += 1
            self._unanswered += 1
            if not self._gap and (number - self._expected & 255) < 128:
                self._gap = 1
                self._answer()
            return
        if self.wait():
            self.ignored += 1
            self._unanswered += 1
            self._gap = 2
            return
        # counted first: a frame that a detector stumbles over has been handled too
        self._expected = number + 1 & 255
        self._gap = 0
        self.frames += 1
        self._unanswered += 1
        try:
            self.watch.frame(b, i + 2)
        finally:
            if self._unanswered >= self._every:
                self.lines.idle(self.watch.base + int.from_bytes(b[i + 2 : i + 6], "little"))
                self._answer()

    def wait(self):
        return 2 * len(self.lines.kept) > self.lines.n

    # To be called when the line has nothing more: answers what is due.
    def idle(self):
        if self._unanswered:
            self._answer()

    def _answer(self):
        self._unanswered = 0
        self.lines.send(
            "ack",
            (
                ("session", self._session),
                ("frames", self.frames),
                ("alerts", self.watch.alerts),
                ("gap", self._gap & 1),
            ),
        )
