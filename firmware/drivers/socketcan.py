# SocketCAN on Linux, under MicroPython and CPython: a raw socket on one interface. The bit rate and listen-only are
# the interface's own, set with `ip link`; 16 bytes of a frame are read, which hold all that detectors look at of an FD
# frame of 72 too: a datagram's rest is dropped.
import socket
import struct

from canbean import const
from canbean.ring import DATA, head

from drivers.acceptance import pairs

# linux/can.h, linux/can/raw.h, linux/can/error.h
_AF_CAN = const(29)
_SOL_CAN_RAW = const(101)
_FILTER = const(1)
_ERR_FILTER = const(2)
_FD_FRAMES = const(5)
_CAN_RAW = const(1)
_BATCH = const(64)
# bits of the top byte of an id
_EFF = const(0x80)
_RTR = const(0x40)
_ERR = const(0x20)
# lengths by DLC code
LENGTHS = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0c\x10\x14\x18\x20\x30\x40"


def sysfs(name, what):
    try:
        with open("/sys/class/net/%s/%s" % (name, what)) as file:
            return int(file.read(), 0)
    except OSError:
        raise OSError("no CAN interface " + name)


# A raw socket bound to the interface.
def open_socket(name, filters):
    index = sysfs(name, "ifindex")
    if not sysfs(name, "flags") & 1:
        raise OSError("%s is down: ip link set %s up type can bitrate 500000 listen-only on" % (name, name))
    try:
        opened = socket.socket(_AF_CAN, socket.SOCK_RAW, _CAN_RAW)
    except OSError:
        raise OSError("this kernel has no SocketCAN: modprobe can_raw")
    # MicroPython takes the address as the kernel does
    address = struct.pack("<HHiQQ", _AF_CAN, 0, index, 0, 0)
    if hasattr(opened, "recv_into"):
        address = (name,)
    options = [(_ERR_FILTER, struct.pack("<I", 0x1FFFFFFF)), (_FD_FRAMES, struct.pack("<i", 1))]
    if filters:
        options.append((_FILTER, kernel_filters(filters)))
    for option, value in options:
        opened.setsockopt(_SOL_CAN_RAW, option, value)
    # SO_RCVBUF, as much as the system grants: what comes while detectors are busy waits here
    opened.setsockopt(socket.SOL_SOCKET, 8, struct.pack("<i", 1 << 20))
    opened.bind(address)
    return opened


# The filters as the kernel takes them: the top bit of a mask is for the bit that tells extended ids apart.
def kernel_filters(keys):
    packed = b""
    for key, mask, ext in pairs(keys):
        packed += struct.pack("<II", key | (_EFF << 24 if ext else 0), mask | _EFF << 24)
    return packed


class SocketCan:
    # `opened`: the interface's socket, or anything that reads like one, in its place.
    def __init__(self, name, opened=None):
        self.name = name
        self.given = opened
        self.socket = None
        self.frame = bytearray(16)
        self.state = "silent chip"
        self.overflows = self.errors = 0

    def start(self, bitrate, listen_only, filters):  # noqa: ARG002
        self.socket = self.given or open_socket(self.name, filters)
        self.socket.setblocking(False)
        # CPython's raises where there is nothing, MicroPython's gives None
        self.read = getattr(self.socket, "recv_into", None) or self.socket.readinto
        self.state = "ok"

    def receive(self, ring, clock):
        frame = self.frame
        read = self.read
        got = 0
        clock.read()
        # what the ring has no room for waits in the kernel
        while got < _BATCH and ring.count < ring.n:
            try:
                if not read(frame):
                    break
            except OSError as error:
                if error.args[0] != 11:  # EAGAIN: there is nothing
                    self.state = "silent chip"
                break
            top = frame[3]
            if top & _ERR:
                self.trouble(frame)
                continue
            got += 1
            at = ring.slot()
            length = frame[4]
            code = min(length, 8)
            while code < 15 and LENGTHS[code] < length:
                code += 1
            key = frame[0] | frame[1] << 8 | frame[2] << 16 | (top & 31) << 24 | (top & _EFF) << 22
            # FD by its length, or by the flags that its frames and no others have
            flags = 2 if top & _RTR else 1 if length > 8 or frame[5] & 7 else 0
            records = ring.records
            head(records, at, clock, key, flags, code)
            for i in range(DATA, DATA + 8):
                records[at + i] = frame[i - 3]
            ring.put()
        return got

    # An error frame: its class is the id, what the controller says of itself is in the second data byte.
    def trouble(self, frame):
        self.errors = self.errors + 1 & 0x3FFFFFFF
        said = frame[9]
        if frame[0] & 0x40:
            self.state = "bus-off"
        elif frame[1] & 1 or frame[0] & 4 and said & 0x40:
            self.state = "ok"
        elif frame[0] & 4:
            if said & 1:
                self.overflows = self.overflows + 1 & 0x3FFFFFFF
            if said & 0x3C:
                self.state = "passive" if said & 0x30 else "warning"

    def status(self):
        return self.state, self.overflows, self.errors

    # Onto the bus: only where the engineer enabled it.
    def send(self, key, code, data):
        top = key >> 24 & 31 | (_EFF if key >> 29 else 0)
        size = min(code, 8)
        frame = bytes((key & 255, key >> 8 & 255, key >> 16 & 255, top, size, 0, 0, 0)) + bytes(data[:size])
        self.socket.send(frame + bytes(8 - size))

    def stop(self):
        if self.socket and not self.given:
            self.socket.close()
        self.socket = None
        self.state = "silent chip"
