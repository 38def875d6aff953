# sense COUNTS... [CELSIUS16]: what a board without a sensor measures from now on, as if it had one: counts of each light
# channel, and the die's temperature in 1/16 degree. The reading that follows is there when the command is done.
from canbean import const
from canbean.begin import begin
from drivers.fed_sensor import FedSensor

READS = True
_MOST = const(10000)  # steps of a reading
_DEGREES = const(2)  # decimals of a temperature among a model's channels; reflectances have 3, counts none


def run(app, words):
    if not hasattr(app, "expires"):
        raise ValueError("unknown command: sense")
    if not app.console.model:
        raise ValueError(app.console.refused)
    decimals = app.regressor.decimals
    count = len(decimals) - (decimals[-1] == _DEGREES)
    if not count <= len(words) <= count + 1:
        raise ValueError("sense takes %d counts and, after them, 1/16 degrees" % count)
    if app.sensor and not hasattr(app.sensor, "measured"):
        raise ValueError("this board has a sensor of its own")
    values = [int(word) for word in words]
    if app.sensor is None:
        app.sensor = FedSensor(count)
    app.sensor.feed(values[:count], values[count] if len(values) > count else None)
    begin(app)
    app.fed = False
    for _ in range(_MOST):
        if app.reading.step():
            break
    app.judge()
    app.show()
