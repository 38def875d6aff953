# The application has loaded its model: what is set on this board is applied, and its key forbids what only it may do.
# Harmless, whoever sends it.
import os

from . import overlay


def run(app, _):
    console = app.console
    board = console.board
    console.refused = board.refused
    if "key" in os.listdir():
        # until the command `feed`
        console.link.on_packet = console.no_packet
    try:
        apply(app, board.settings)
    except Exception as error:
        # a model that these settings do not fit watches as it is
        console.refused = "settings: " + (str(error) or type(error).__name__)


# Settings, at the start and whenever they change.
def apply(app, lines):
    if getattr(app, "watch", None):
        from .tuning import apply

        apply(app.watch, lines, app.console.board.slot)
    bus = getattr(app, "bus", None)
    if bus:
        board = app.console.board
        wanted = (
            int(overlay.value(lines, "bitrate", board.BITRATE)),
            overlay.value(lines, "listen", "1") != "0",
        )
        if wanted != getattr(board, "started", (board.BITRATE, True)):
            bus.stop()
            bus.start(wanted[0], wanted[1], getattr(app, "filters", None))
            board.started = wanted
