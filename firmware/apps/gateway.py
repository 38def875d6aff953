# The gateway: frames in, alerts out.
import gc
import sys

import canbean
from canbean.console import Console
from drivers.feed import Feed


# -> watch, digest. Imported here, so that a board whose heap is too small for the detectors can still say so.
def load(lines, path="model.cbm"):
    from canbean.model import Model
    from canbean.watch import SECTIONS, Watch

    # what importing left over would lie between the model's tables
    gc.collect()
    model = Model(path, "gateway", SECTIONS)
    watch = Watch(model, lines)
    watch.golden(model)
    model.close()
    unload(watch)
    return watch, model.digest


# What runs once has done its work: its code leaves the heap.
def unload(watch):
    fingerprint = watch.fingerprint
    for one in (watch, fingerprint, fingerprint.bus, fingerprint.novelty, watch.checks, watch.rules):
        if one:
            type(one).__init__ = None
    for one in watch.windows:
        type(one).__init__ = type(one.detector).__init__ = None
    type(watch).golden = None
    del sys.modules["canbean.model"], canbean.model
    if "canbean.hmac" in sys.modules:
        del sys.modules["canbean.hmac"], canbean.hmac
    # what only alerts need, while there is room
    from canbean import alert  # noqa: F401

    if watch.checks:
        from canbean import check_words  # noqa: F401


def main(board):
    console = Console(board, "gateway")
    watch = feed = None
    try:
        watch, console.model = load(console.lines)
        feed = Feed(console.lines, board.WINDOW, watch)
        console.refused = None
        console.idle = feed.idle
        console.link.on_packet = feed.packet
        console.commands["reset"] = lambda _: watch.reset()
    except Exception as error:
        console.refused = str(error) or type(error).__name__

    console.counts = lambda: (
        ("frames", feed.frames if feed else 0),
        ("alerts", watch.alerts if feed else 0),
        ("unscored", watch.unscored if feed else 0),
        ("ignored", feed.ignored if feed else 0),
    )
    console.run()
