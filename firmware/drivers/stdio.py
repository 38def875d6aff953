# The serial line where it is the REPL's and cannot be opened (ESP32: UART 0; RP2040: USB): standard input and output.
import select
import sys

import micropython


# -> wait(ms), readinto(buffer), write(bytes)
def standard():
    # a byte 3 stops nothing
    micropython.kbd_intr(-1)
    source = sys.stdin.buffer
    incoming = select.poll()
    incoming.register(sys.stdin, select.POLLIN)
    one = bytearray(1)

    def wait(ms):
        for _ in incoming.ipoll(ms):
            pass

    # standard input waits until a buffer is full: one byte at a time, while there are any
    def readinto(buffer):
        for n in range(len(buffer)):
            there = False
            for _ in incoming.ipoll(0):
                there = True
            if not there:
                return n
            source.readinto(one)
            buffer[n] = one[0]
        return len(buffer)

    return wait, readinto, sys.stdout.buffer.write
