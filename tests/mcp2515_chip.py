"""An MCP2515 at the level of its registers, from its datasheet (Microchip DS20001801; sections in the comments).

It hangs on SPI (`cs`, `write_readinto`) and on a bus (`receive`, `sent`), counts what goes over SPI, and has the faults of
one: no answer, a mode it does not leave, lost frames, errors, bus-off. Written for both Pythons: it runs on the VM too.
"""
# ruff: noqa: RUF005  # the VM knows no [*a, *b]

CANSTAT, CANCTRL, TEC, REC, CNF3, CANINTE, CANINTF, EFLG = 0x0E, 0x0F, 0x1C, 0x1D, 0x28, 0x2B, 0x2C, 0x2D
RXCTRL, TXCTRL = (0x60, 0x70), (0x30, 0x40, 0x50)
MASKS, FILTERS = (0x20, 0x24), (0x00, 0x04, 0x08, 0x10, 0x14, 0x18)
NORMAL, SLEEP, LOOPBACK, LISTEN, CONFIGURATION = range(5)
# registers that BIT MODIFY may change by bits (table 11-2)
BITS = (0x0C, 0x0D, CANCTRL, CNF3, 0x29, 0x2A, CANINTE, CANINTF, EFLG) + TXCTRL + RXCTRL
# registers of configuration mode only (section 10.1): TXRTSCTRL, filters, masks, bit timing
ADDRESSES = [at + i for at in MASKS + FILTERS for i in range(4)]
ONLY_CONFIGURED = [0x0D, CNF3, 0x29, 0x2A] + ADDRESSES
# bits that the processor can write; others of the registers that it cannot write wholly
WRITABLE = {
    TEC: 0,
    REC: 0,
    EFLG: 0xC0,
    0x60: 0x64,
    0x70: 0x60,
    0x30: 0x0B,
    0x40: 0x0B,
    0x50: 0x0B,
    CNF3: 0xC7,
}
WRITABLE.update({at + 1: 0xE3 for at in MASKS})
WRITABLE.update({at + 1: 0xEB for at in FILTERS})
WRITABLE.update({at + i: 0 for at in RXCTRL for i in range(1, 14)})


class Chip:
    def __init__(self):
        self.bytes = self.transactions = 0
        # the level that SO is stuck at
        self.silent = None
        # a transceiver without power holds RXCAN low: the chip never sees the bus idle
        self.deaf = False
        # of INT: works, or is stuck at a level
        self.wire = None
        # others keep the bus
        self.busy = False
        self.sent = []
        self.selected = False
        self.reset()

    def reset(self):
        # Values after a reset (table 11-1); filters and buffers hold anything.
        self.r = bytearray(b"\xa5" * 128)
        for at in (0x0C, 0x0D, TEC, REC) + tuple(range(0x20, 0x30)) + TXCTRL + RXCTRL:
            self.r[at] = 0
        self.r[CANSTAT], self.r[CANCTRL] = 0x80, 0x87
        # 128 clocks until the oscillator counts as stable (section 8.1): some transactions here
        self.wakes_after = 2

    # --- SPI (section 12)

    def cs(self, level):
        if level and self.selected and self.silent is None:
            if self.instruction in (0x90, 0x92):
                self.r[CANINTF] &= ~1 & 255
            elif self.instruction in (0x94, 0x96):
                self.r[CANINTF] &= ~2 & 255
            elif self.instruction is not None and self.instruction & 0xF8 == 0x80:
                for n in range(3):
                    if self.instruction >> n & 1:
                        self.r[TXCTRL[n]] |= 8
                self.transmit()
        if not level:
            self.transactions += 1
            self.wakes_after -= self.wakes_after > 0
        self.selected = not level
        self.instruction = None
        self.count = 0

    def write_readinto(self, out, into):
        assert self.selected
        assert len(out) == len(into)
        for i in range(len(out)):
            self.bytes += 1
            said = self.exchange(out[i])
            into[i] = said if self.silent is None else self.silent

    def exchange(self, byte):
        if self.silent is not None:
            return 0
        self.count += 1
        if self.count == 1:
            if self.wakes_after:
                self.instruction = None
                return 0
            self.instruction = byte
            if byte == 0xC0:
                self.reset()
            elif byte & 0xF9 == 0x90:
                self.at = (0x61, 0x66, 0x71, 0x76)[byte >> 1 & 3]
            elif byte & 0xF8 == 0x40:
                self.at = (0x31, 0x36, 0x41, 0x46, 0x51, 0x56)[byte & 7]
            return 0
        if self.instruction is None:
            return 0
        if self.instruction == 0xA0:
            return self.status()
        if self.instruction == 0xB0:
            return self.received()
        if self.instruction & 0xF9 == 0x90:
            self.at += 1
            return self.read(self.at - 1)
        if self.instruction & 0xF8 == 0x40:
            self.write(self.at, byte)
            self.at += 1
            return 0
        if self.count == 2:
            self.at = byte
            return 0
        if self.instruction == 3:
            self.at += 1
            return self.read(self.at - 1)
        if self.instruction == 2:
            self.write(self.at, byte)
            self.at += 1
        elif self.instruction == 5:
            if self.count == 3:
                self.mask = byte if self.at in BITS else 255
            else:
                self.write(self.at, self.read(self.at) & ~self.mask | byte & self.mask)
        return 0

    def status(self):
        flags = self.r[CANINTF]
        said = flags & 3
        for n in range(3):
            said |= (self.r[TXCTRL[n]] >> 3 & 1) << 2 * n + 2 | (flags >> 2 + n & 1) << 2 * n + 3
        return said

    def received(self):
        # RX STATUS (figure 12-9): which buffers, and of the first its kind and the filter that it met.
        flags = self.r[CANINTF] & 3
        at = RXCTRL[flags == 2]
        ext = self.r[at + 2] >> 3 & 1
        remote = (self.r[at + 5] >> 6 if ext else self.r[at + 2] >> 4) & 1
        hit = self.r[at] & 7
        if flags == 2:
            hit += 6 * (hit < 2)
        else:
            hit &= 1
        return flags << 6 | (ext << 4 | remote << 3 | hit if flags else 0)

    def read(self, at):
        at &= 127
        if at & 14 == 14:
            at &= 15
        if at in ADDRESSES and self.mode != CONFIGURATION:
            return 0
        return self.r[at]

    def write(self, at, byte):
        at &= 127
        if at & 15 == 14 or (at in ONLY_CONFIGURED and self.mode != CONFIGURATION):
            return
        if at & 15 == 15:
            at = CANCTRL
        bits = WRITABLE.get(at, 255)
        self.r[at] = self.r[at] & ~bits & 255 | byte & bits
        if at == CANCTRL:
            self.request()

    # --- modes (section 10)

    @property
    def mode(self):
        return self.r[CANSTAT] >> 5

    def request(self):
        wanted = self.r[CANCTRL] >> 5
        pending = [1 for at in TXCTRL if self.r[at] & 8]
        if not pending and not (self.deaf and wanted in (NORMAL, LISTEN)):
            if wanted in (CONFIGURATION, LISTEN):
                self.count_errors(0, 0)
            self.r[CANSTAT] = wanted << 5

    def interrupt(self):
        """The level of INT."""
        if self.wire is not None:
            return self.wire
        return int(not self.r[CANINTE] & self.r[CANINTF])

    # --- the bus

    def receive(self, key, code, data=b"", remote=False):
        """A whole frame on the bus; -> the buffer that took it, -1 where it found it full, None where no filter passed it."""
        if self.mode not in (NORMAL, LISTEN):
            return None
        data = bytes(data[:8])
        identifier = [0, 0, 0, 0]
        if key >> 29:
            identifier = [key >> 21 & 255, key >> 13 & 0xE0 | 8 | key >> 16 & 3, key >> 8 & 255, key & 255]
            dlc = code | remote << 6
        else:
            identifier[:2] = key >> 3, (key & 7) << 5 | remote << 4
            dlc = code
        for n in range(6):
            first = n < 2
            # all pass, valid or not, where the buffer's filters are off (register 4-1)
            off = self.r[RXCTRL[not first]] >> 5 & 3 == 3
            if off or self.passes(n, identifier, data):
                return self.put(0 if first else 1, n, identifier, dlc, data)
        return None

    def passes(self, n, identifier, data):
        # Acceptance (section 4.5, figure 4-5); of standard frames the first two data bytes stand where an extended
        # identifier has its lowest 16 bits.
        one = self.r[FILTERS[n] : FILTERS[n] + 4]
        mask = self.r[MASKS[n > 1] : MASKS[n > 1] + 4]
        ext = identifier[1] & 8
        if one[1] & 8 != ext:
            return False
        low = identifier[2:] if ext else list(data[:2]) + [0] * (2 - len(data[:2]))
        bits = 0xE3 if ext else 0xE0
        return not (
            (one[0] ^ identifier[0]) & mask[0]
            or (one[1] ^ identifier[1]) & mask[1] & bits
            or (one[2] ^ low[0]) & mask[2]
            or (one[3] ^ low[1]) & mask[3]
        )

    def put(self, buffer, hit, identifier, dlc, data):
        # Figure 4-3: into its buffer, from buffer 0 over into buffer 1 where that is wanted, or lost.
        flags = self.r[CANINTF]
        if buffer == 0 and flags & 1 and self.r[RXCTRL[0]] & 4:
            buffer = 1
        if flags >> buffer & 1:
            self.r[EFLG] |= 0x40 << buffer
            self.r[CANINTF] |= 0x20
            return -1
        at = RXCTRL[buffer]
        self.r[at] = self.r[at] & 0x64 | (hit & 1 if buffer == 0 else hit)
        # what is behind the data is what happened to be there
        for i, byte in enumerate(identifier + [dlc] + list(data)):
            self.r[at + 1 + i] = byte
        self.r[CANINTF] |= 1 << buffer
        return buffer

    def transmit(self):
        """Puts what waits onto the bus, where the mode and the bus let it."""
        if self.mode != NORMAL or self.busy or self.r[EFLG] & 0x20:
            return
        for n in range(3):
            at = TXCTRL[n]
            if self.r[at] & 8:
                high, low, third, fourth, dlc = self.r[at + 1 : at + 6]
                key = high << 3 | low >> 5
                if low & 8:
                    key = 1 << 29 | key << 18 | (low & 3) << 16 | third << 8 | fourth
                remote = bool(dlc & 0x40)
                size = 0 if remote else min(dlc & 15, 8)
                self.sent.append((key, dlc & 15, bytes(self.r[at + 6 : at + 6 + size]), remote))
                self.r[at] &= ~8 & 255
                self.r[CANINTF] |= 4 << n
        self.request()

    # --- errors (section 6, register 6-3)

    def count_errors(self, transmitting, receiving):
        self.r[TEC], self.r[REC] = min(transmitting, 255), min(receiving, 255)
        flags = self.r[EFLG] & 0xC0
        flags |= 0x20 * (transmitting > 255) | 0x10 * (transmitting > 127) | 8 * (receiving > 127)
        flags |= 4 * (transmitting > 95) | 2 * (receiving > 95)
        self.r[EFLG] = flags | bool(flags & 6)

    def faulty(self):
        """A message with an error comes over the bus."""
        self.r[CANINTF] |= 0x80
        if self.mode == NORMAL:
            self.count_errors(self.r[TEC], self.r[REC] + 1)

    def fail(self):
        """Nobody takes what it sends: tried once in one-shot mode, again and again otherwise."""
        self.r[CANINTF] |= 0x80
        for at in TXCTRL:
            if self.r[at] & 8:
                self.r[at] |= 0x10
                if self.r[CANCTRL] & 8:
                    self.r[at] &= ~8 & 255
        self.count_errors(self.r[TEC] + 8, self.r[REC])

    def idle(self):
        """128 times eleven recessive bits: back from bus-off."""
        if self.r[EFLG] & 0x20:
            self.count_errors(0, 0)
