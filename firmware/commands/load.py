# The application has loaded its model: what is set on this board is applied, and its key forbids what only it may do.
# Harmless, whoever sends it.
import os

from canbean.passing import passing

from . import overlay


def run(app, _):
    console = app.console
    board = console.board
    console.refused = board.refused
    if ", not " + console.app in (board.refused or ""):
        # what another application left here is no model that somebody sent
        console.refused = None
    if "key" in os.listdir():
        # but for the replay after a command `feed`
        app.locked = 1
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
        # before what comes next needs its room
        apply = None
        passing(None)
    if hasattr(app, "expires"):
        from . import metering

        metering.apply(app, lines)
    if getattr(app, "bus", None):
        bitrate = int(overlay.value(lines, "bitrate", app.console.board.BITRATE))
        rate = bitrate, overlay.value(lines, "listen", "1") != "0"
        if rate != app.rate:
            error = app.begin(rate)
            if isinstance(error, ValueError):
                # no chip will ever do so; one that does not answer may yet
                raise error
