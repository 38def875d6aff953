# The gateway as an adapter of LAWICEL's protocol, which python-can, SavvyCAN and slcand speak. The console brings its commands
# C F L N O S V Z here; while its channel is open everything the host says comes here, slcan_channel.py shows the bus, and no
# JSON is sent. A command in words or a packet closes the channel. It changes no setting, and where the board has a
# key not even the bit rate for a while.
import os

from canbean import VERSION, const
from canbean.passing import passing

# what a board with a key asks of commands
READS = True
_ALERTS = const(0x1FBEA500)  # the first of the ids of alerts.dbc
_RATES = const((10000, 20000, 50000, 100000, 125000, 250000, 500000, 800000, 1000000))


# What the host said, as words or as the text of a line.
def run(app, words):
    text = words[0]
    show = getattr(app, "slcan", None)
    if not show and (text[0] not in "CFLNOSVZ" or len(text) > 2):
        raise ValueError("unknown command: " + text)
    if not hasattr(app, "bus"):
        raise ValueError("this application is no CAN adapter: " + text)
    try:
        answer = answer_to(app, text, show)
    except (ValueError, IndexError, OSError):
        answer = b"\a"
    app.lines.write(answer)


# `show`: the open channel, or None
def answer_to(app, text, show):
    rate, stamped = getattr(app, "asked", (0, False))
    if text == "C":
        if show:
            show.end()
    elif text == "O" or text == "L":
        if show:
            # of two channels the first one stays, unless it is less silent than asked
            if text == "L" and not show.now[1]:
                raise ValueError
        else:
            app.slcan = opened(app, rate, stamped, text == "L")
    elif text == "Z0" or text == "Z1":
        app.asked = rate, text == "Z1"
        if show:
            show.stamped = text == "Z1"
    elif text[0] == "S" and len(text) == 2 and not show:
        app.asked = _RATES["012345678".index(text[1])], stamped
    elif text == "V":
        return b"V01%02d\r" % VERSION
    elif text == "N":
        return b"N" + app.lines.boot[:4].upper() + b"\r"
    elif text == "F" and show:
        return b"F%02X\r" % flags(app, show)
    else:
        return b"\a"
    return b"\r"


# Since it was asked last: frames not shown 1, warning 4, frames lost 8, passive 32, errors 128.
def flags(app, show):
    state, overflows, errors = app.bus.status()
    now = show.hidden, app.ring.lost + overflows, errors
    told = show.told
    show.told = now
    bits = (now[0] != told[0]) | (now[1] != told[1]) << 3 | (now[2] != told[2]) << 7
    return bits | (state == "warning") << 2 | (state in ("passive", "bus-off")) << 5


# What was set on this board: bit rate and listen-only, whether the host may transmit, the first id of alerts.
def settings(board):
    from commands.overlay import read, value

    lines = read()[1]
    home = int(value(lines, "bitrate", getattr(board, "BITRATE", 0))), value(lines, "listen", "1") != "0"
    return home, value(lines, "transmit", "0") == "1", int(value(lines, "alertid", _ALERTS))


# The bus is never less silent than its settings have it.
def opened(app, rate, stamped, silent):
    if not app.bus or not app.watch:
        raise OSError
    home, transmit, first = settings(app.board)
    now = rate or home[0], silent or home[1]
    if now[0] != home[0] and "key" in os.listdir():
        raise ValueError
    filters = getattr(app, "filters", None)
    if now != home:
        app.bus.stop()
        try:
            app.bus.start(*now, filters)
        except Exception:
            app.bus.start(*home, filters)
            raise
        # what it is begun with where it goes away
        app.rate = now
    # the code that read the settings is not needed any more
    passing(None)
    from commands.slcan_channel import Channel

    show = Channel(app, first, stamped)
    show.home = home
    show.now = now
    if transmit and not now[1]:
        from commands.slcan_send import send

        show.transmit = send
    return show
