# flashed: digests of the image and of the firmware that `canbean board flash` has put onto this board, and of the model's file, with
# its signature, and which file that is; null where there is none.
import hashlib
from binascii import hexlify

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
    model = None
    try:
        whole = hashlib.sha256()
        with open(app.console.board.slot, "rb") as file:
            part = file.read(128)
            while part:
                whole.update(part)
                part = file.read(128)
        model = str(hexlify(whole.digest())[:16], "ascii")
    except OSError:
        pass
    app.console.lines.send(
        "flashed",
        (
            ("image", known.get("image")),
            ("firmware", known.get("firmware")),
            ("model", model),
            ("slot", app.console.board.slot),
        ),
    )
