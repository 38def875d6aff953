"""The whole roast meter on a Wemos's pins, in the VM: chips as `meter_stand_ins` has them, its lines as they come."""

import json
import sys

import meter_stand_ins
from meter_stand_ins import meter

made = meter_stand_ins.modules(sys.modules)
sys.modules.update([(name, made[name]) for name in made if name not in ("sys", "os")])

from apps import roastmeter  # noqa: E402
from boards import wemos_d1_mini as board  # noqa: E402


class On:
    """A meter that has started."""

    def __init__(self, sensor, path, settings=None, display=None):
        meter.hang(sensor, display, (board.LIGHT, board.S2, board.S3))
        self.written = []
        board.open_serial = lambda: (
            lambda ms: None,
            lambda buffer: 0,
            lambda data: self.written.append(bytes(data)),
        )
        board.slot, board.settings, board.refused = path, settings, None
        self.console = roastmeter.finish(roastmeter.start(board))
        self.app = self.console.application

    def lines(self):
        """What it wrote since it was asked last."""
        said = [json.loads(line) for line in b"".join(self.written).decode().split("\n") if line]
        self.written.clear()
        return said

    def command(self, words):
        try:
            self.console._command(words.encode())
        except Exception as error:
            self.console.error(error)

    def reading(self):
        """The next reading: the milliseconds of each turn until it is shown, and its line."""
        turns = []
        for _ in range(99):
            was = meter.clock.us
            self.console.turn()
            turns.append((meter.clock.us - was) // 1000)
            if self.app.todo == 2:
                break
        while self.app.todo:
            was = meter.clock.us
            self.console.turn()
            turns.append((meter.clock.us - was) // 1000)
        self.command("read")
        return turns, self.lines()[-1]

    def sensor(self):
        return meter.sensor
