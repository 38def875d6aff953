# sense COUNTS... [CELSIUS16]: what a board without a sensor measures from now on, as if it had one: counts of each light
# channel, and the die's temperature in 1/16 degree. The reading that follows is there when the command is done.
from canbean import const
from canbean.begin import begin
from drivers.fed_sensor import FedSensor

READS = True
_MOST = const(10000)  # steps of a reading


def run(app, words):
    if not hasattr(app, "expires"):
        raise ValueError("unknown command: sense")
    if not app.console.model:
        raise ValueError(app.console.refused)
    sensor = app.sensor
    if sensor and not hasattr(sensor, "measured"):
        raise ValueError("this board has a sensor of its own")
    decimals = app.regressor.decimals
    # a temperature has other decimals than the light before it
    count = sensor.CHANNELS if sensor else len(decimals) - (decimals[-1] != decimals[0])
    if not count <= len(words) <= count + 1:
        raise ValueError("sense takes %d counts and, after them, 1/16 degrees" % count)
    values = [int(word) for word in words]
    if not sensor:
        app.sensor = sensor = FedSensor(count)
    sensor.feed(values[:count], values[count] if len(values) > count else None)
    begin(app)
    app.fed = False
    for _ in range(_MOST):
        if app.reading.step():
            break
    app.judge()
    app.show()
