"""`bench` and `settle` where there is a bus: receiving is measured too, and what is lost is told."""

import json

CODE = """
import json
from commands import bench, settle

class Ring:
    lost = count = 0
    def take(self):
        self.count -= 1

class Bus:
    overflows = 0
    def receive(self, ring, clock):
        # nothing, one or two frames, 40 us each and 10 for a look at the chip
        Ticks.calls += 1
        got = Ticks.calls % 3
        ring.count += got
        Ticks.us += 10 + 40 * got
        return got
    def status(self):
        return "ok", self.overflows, 0

class Ticks:
    us = (1 << 30) - 5000
    calls = 0

class Watch:
    windows = ()
    alerts = 2
    class fingerprint:
        n = 1
        keys = [0x123]

class App:
    ring = Ring()
    bus = Bus()
    clock = None
    watch = Watch()
    said = []
    class lines:
        @staticmethod
        def send(kind, pairs):
            App.said.append([kind, dict(pairs)])

def ticks():
    Ticks.us += 1
    return Ticks.us & 0x3FFFFFFF

bench.ticks_us = ticks
frames, took = bench.receive(App)
out = [frames, took, App.ring.count]
App.ring.lost = 4
settle.run(App, ["10"])
App.ring.lost = 9
App.bus.overflows = 2
one = App.watch.windows[0]
# seconds, us, key, slot of frames a second apart; gap and the two gaps together in us
now = [0] * 38
now[12] = -1
for s in range(12):
    now[16] = s
    now[34] = s
    now[36] = 1000000 if s else -1
    now[26] = 2000000 if s > 1 else -1
    if App.watch.windows:
        one.see(now, None, None, None)
App.watch.alerts = 5
print(json.dumps([out, App.said, len(App.watch.windows)]))
"""


def test_receiving_is_measured_and_losses_are_told(vm):
    (frames, took, left), said, windows = json.loads(vm.run(CODE))
    # Of three looks one finds nothing: it is not counted.
    assert frames > 1000
    assert left == 0
    assert 40 + 10 / 1.5 <= took / frames <= 42 + 10 / 1.5
    assert [kind for kind, _ in said] == ["settle", "settled", "settle"]
    assert said[1][1] == {"id": "123", "gap": 1000000, "span": 2000000, "silence": 1000000}
    assert said[2][1] == {
        "done": True, "seconds": 10, "frames": 11, "unknown": 0, "stranger": None, "lost": 7, "alerts": 0,
    }  # fmt: skip
    assert windows == 0
