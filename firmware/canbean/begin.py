# A roast meter's readings, anew: at the start, and when its calibration or its sensor has changed. The code leaves the heap.
from array import array

from .reading import ANEW, SAMPLES, Reading


# `reflectance`: the unit's calibration, None where there is none or the model takes raw counts; that of another sensor is as
# good as none. `wanted`: whether the model takes reflectances
def reading(sensor, reflectance=None, wanted=False):
    n = sensor.CHANNELS
    if reflectance and len(reflectance.empty) != n:
        reflectance = None
    one = Reading()
    one.sensor = sensor
    one.reflectance = reflectance
    one.wanted = wanted
    # one sample with its temperature behind; what has come, each in order
    one.one = array("i", bytes(4 * n + 4))
    one.came = [array("i", bytes(4 * SAMPLES)) for _ in range(n + 1)]
    one.dark, one.counts, one.spread, one.milli = [array("i", bytes(4 * n)) for _ in range(4)]
    # what the regressor is given; a temperature is the last, in 1/100 degrees
    one.channels = array("i", bytes(4 * n + 4))
    one.celsius16 = None
    one.quality = "not settled"
    one.slice = ANEW
    return one


# By the sensor and the calibration that the application has now.
def begin(app):
    if app.sensor:
        found = reading(app.sensor, app.reflectance, app.regressor.scale.calibrated)
        if len(found.channels) < app.regressor.channels:
            raise ValueError("the model has more channels than this sensor")
        app.reading = found
        app.quality = "not settled"
        app.console.turn = app.turn
        app.console.pause = 2
