# Text that JSON cannot hold as it is. Apart, for it is seldom.


# What JSON escapes, and what is not ASCII, by number; beyond 16 bits the replacement character. Of a text that is taken apart
# MicroPython keeps every character for good.
def escaped(text):
    return "".join(
        [c if " " <= c <= "~" and c not in '"\\' else "\\u%04x" % min(ord(c), 0xFFFD) for c in text]
    )
