# flashed: digests of the image and of the firmware that `canbean board flash` has put onto this board; null where nobody knows.
READS = True


def run(app, _):
    known = {}
    try:
        with open("manifest") as file:
            for line in file:
                words = line.split()
                known[words[0]] = words[1]
    except (OSError, IndexError):
        pass
    app.console.lines.send("flashed", (("image", known.get("image")), ("firmware", known.get("firmware"))))
