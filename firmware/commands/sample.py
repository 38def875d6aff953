# sample V1 V2 ...: integers that the regressor is given as they are, instead of the sensor's. They are what is read until
# they have been told and the sensor has something newer.
READS = True


def run(app, words):
    if not hasattr(app, "expires"):
        raise ValueError("unknown command: sample")
    if not app.console.model:
        raise ValueError(app.console.refused)
    regressor = app.regressor
    app.quality = "bad sample"
    app.score = app.counts = app.celsius = None
    app.fed = True
    if len(words) != regressor.channels:
        raise ValueError("a sample has %d channels, this one %d" % (regressor.channels, len(words)))
    values = [int(word) for word in words]
    for v in values:
        if not -0x40000000 <= v <= 0x3FFFFFFF:
            raise ValueError("a reading must fit 31 bits")
    app.raw = values
    app.quality = "ok"
    app.score = regressor.predict(values)
    app.show()
