# The line of a reading as ColorTrack's serial line has it, a number with a point; none where there is no value.
READS = True


def run(app, _):
    if app.score is not None and app.score >= 0:
        value = app.regressor.scale.words(app.score)
        app.lines.write((value if "." in value else value + ".0").encode() + b"\n")
