# key HEX | key none: gives this board a key of 64 hex digits, changes it, or takes it away. Once it has one, this too
# needs the one that it has (`auth`).
import os
from binascii import unhexlify


def run(app, words):
    text = words[0] if len(words) == 1 else ""
    if text == "none":
        os.remove("key")
    else:
        if len(text) != 64:
            raise ValueError("a key has 64 hex digits")
        unhexlify(text)
        with open("key.new", "w") as file:
            file.write(text)
        # whole or not at all
        os.rename("key.new", "key")
    console = app.console
    if hasattr(app, "locked"):
        # as it will be from the next start
        app.locked = int(text != "none")
        console.link.on_packet = app.packet
    console.lines.send("key", (("key", text != "none"),))
