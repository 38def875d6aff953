# Frames that an slcan host sends, onto the bus. Whether it may is not asked here.
from binascii import unhexlify


# -> the answer to the host
def send(bus, text):
    ext = text[0] == "T"
    n = 9 if ext else 4
    try:
        for c in text[1:]:
            if c not in "0123456789ABCDEFabcdef":
                return b"\a"
        data = unhexlify(text[n + 1 :])
        # SavvyCAN sets the highest bit of extended ids
        if text[1] in ("0189" if ext else "01234567") and len(data) == int(text[n]) <= 8:
            bus.send(int(text[1:n], 16) & 0x1FFFFFFF | (1 << 29 if ext else 0), len(data), data)
            return b"Z\r" if ext else b"z\r"
    except (ValueError, IndexError, OSError):
        pass
    return b"\a"
