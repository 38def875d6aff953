"""A board with a key takes frames over the line for one replay after `feed`, and no longer."""

import json

import pytest

CODE = """
import json
from apps.gateway import Gateway
from commands import feed

class Bus:
    def start(self, bitrate, listen_only, filters):
        pass
    def stop(self):
        pass
    def receive(self, ring, clock):
        pass
    def status(self):
        return "ok", 0, 0

class Watch:
    base = alerts = frames = 0
    def reset(self, base=0):
        pass
    def frame(self, records, at):
        self.frames += 1

class Board:
    NAME = "memory"
    WINDOW, CHUNK, KEPT, RING = 10, 128, 5, 16
    ms = 0
    def ticks_ms(self):
        return self.ms
    def ticks_us(self):
        return self.ms * 1000
    def open_bus(self):
        return Bus() if BUS else None
    def open_serial(self):
        return None, None, lambda data: None

board = Board()
app = Gateway(board)
app.watch = Watch()
if BUS:
    app.begin((500000, True))

def wait(seconds):
    for _ in range(10 * seconds):
        board.ms += 100
        if BUS:
            app.turn()
        app.idle()

number = 0
def frames(start):
    # a start, then one frame; -> whether they were taken
    global number
    try:
        if start:
            number = 0
            app.console.link.on_packet = app.packet
            app.console.link.on_packet(b"\\2\\1" + bytes(4), 0, 6)
        app.console.link.on_packet(bytes((1, number)) + bytes(11), 0, 13)
        number += 1
        return True
    except ValueError as error:
        return str(error)

wait(1)
said = []
app.locked = LOCKED
said.append(frames(True))
feed.run(app, ())
said.append(app.locked)
wait(4)
said.append(frames(True))
for _ in range(4):
    wait(4)
    said.append(frames(False))
wait(7)
said.append(frames(False))
feed.run(app, ())
wait(7)
said.append(frames(True))
print(json.dumps([said, app.watch.frames]))
"""
REFUSED = "needs the key: auth"


@pytest.mark.parametrize("bus", [True, False])
def test_feed_holds_for_one_replay(vm, bus):
    """Also where it never begins."""
    said, frames = json.loads(vm.run(CODE.replace("BUS", str(bus)).replace("LOCKED", "1")))
    assert said == [REFUSED, 3, *[True] * 5, REFUSED, REFUSED]
    assert frames == 5


@pytest.mark.parametrize("bus", [True, False])
def test_without_a_key_frames_are_always_taken(vm, bus):
    said, frames = json.loads(vm.run(CODE.replace("BUS", str(bus)).replace("LOCKED", "0")))
    assert said == [True, 0, *[True] * 7]
    assert frames == 8
