# What is set on a roast meter: its calibration, whether its LEDs are swapped, their current, what it streams, and how fast its line is.
from canbean import const
from canbean.begin import begin
from canbean.calibrated import reflectance

from . import overlay, stream

_DAY = const(86400)
_OLD = const(181)  # days that a calibration holds, as in the host's canbean.roast.calibration


def apply(app, lines):
    console = app.console
    if app.sensor:
        app.sensor.swapped = overlay.value(lines, "swap") == "1"
        light(app.sensor, overlay.value(lines, "led"))
    # of that light
    words = overlay.value(lines, "calibration", "").split()
    app.reflectance = reflectance(words) if words else None
    if words and console.model and not app.regressor.scale.calibrated:
        # of counts as they are
        app.reflectance = None
        console.refused = "this model reads counts: the unit's calibration is not used"
    expire(app, lines)
    stream.run(app, overlay.value(lines, "stream", "off").split())
    begin(app)
    baud = overlay.value(lines, "baud")
    if baud != app.baud:
        app.line_rate(int(baud or getattr(app.board, "BAUD", 115200)))
        app.baud = baud


# The current of the LEDs or the gain, in the driver's steps; its own where nothing is set.
def light(sensor, word):
    n = int(word or type(sensor).led)
    if word:
        if not sensor.LEDS:
            raise ValueError("led: this sensor has nothing to set")
        if not sensor.LEDS[0] <= n <= sensor.LEDS[1]:
            raise ValueError("led: %d to %d for this sensor" % sensor.LEDS)
    sensor.led = n


# The second of uptime from which on the calibration is too old: any where its day has still to come, but for a time zone.
def expire(app, lines):
    date = overlay.value(lines, "calibration", "")[:10].split("-")
    app.expires = None
    if not date[0] or not app.reflectance:
        return
    if len(date) != 3:
        raise ValueError("calibration: no date such as 2026-11-26")
    y, m, d = [int(part) for part in date]
    if app.epoch:
        # days since 1970, by years that begin in March
        y -= m < 3
        day = 365 * y + y // 4 - y // 100 + y // 400 + (153 * ((m + 9) % 12) + 2) // 5 + d - 719469
        now = app.epoch[0] + app.console.uptime() // 1000
        app.expires = (day + _OLD) * _DAY - app.epoch[0] if (day - 1) * _DAY <= now else 0
