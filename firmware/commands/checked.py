# What can be set: its names, and the words that each takes.
from .ours import METER, ours

# of settings with a number: least and most
NUMBERS = {
    "threshold": (-1024, 1024),
    "bitrate": (10000, 1000000),
    "listen": (0, 1),
    "transmit": (0, 1),
    "alertid": (0, 0x1FFFFFFF),
    "swap": (0, 1),
    "led": (0, 255),
    "baud": (1200, 921600),
}
# settings of which there may be many, by pattern
LISTS = ("allow", "deny")


# The words of a setting as they are kept; raises ValueError where they are none.
def checked(words):
    name = words[0] if words else ""
    rest = words[1:]
    if name in NUMBERS and len(rest) == 1:
        low, high = NUMBERS[name]
        n = int(rest[0])
        if low <= n <= high:
            return [name, str(n)]
        raise ValueError("%s: %d to %d" % (name, low, high))
    if name in LISTS and len(rest) == 1:
        from .lists import pattern

        pattern(rest[0].upper())
        return [name, rest[0].upper()]
    if name in METER and rest:
        return words
    if name == "slot" and rest in (["a.cbm"], ["b.cbm"], ["model.cbm"], ["/rom/model.cbm"]):
        return words
    raise ValueError("no such setting: " + " ".join(words)[:40])


# What a setting is about: of two about the same the later one counts.
def _about(words):
    return words[1] if words[0] in LISTS else words[0]


# `lines` with one more setting, of this application; what is left of another one and comes again is for `safe`.
def added(lines, words, app):
    words = checked(words)
    if not ours(app, words[0]):
        raise ValueError("not a setting of this application: " + " ".join(words)[:40])
    return [line for line in lines if _about(line.split()) != _about(words)] + [" ".join(words)]
