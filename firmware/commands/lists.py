# The lists of ids and payloads that are allowed or denied on this board, joined with those of its model.
# How a pattern is written: 2C5, 2C5/7F0, 18FEF100, 18FEF100/1FFFFF00 or *; then # and digits of the payload, of which
# a point is any. As on the host (detect/rules.py) the most exact come first, of equally exact ones those that deny.
import struct
from array import array

from canbean import const

_MOST = const(64)
_PAYLOAD = const(8)
ACTIONS = ("", "allow", "deny")


class Section:
    def __init__(self, content):
        self.content = content

    def size(self, _):
        return len(self.content)

    def part(self, _, start, length):
        return self.content[start : start + length]


def hexadecimal(text):
    for byte in text.encode():
        if byte not in b"0123456789ABCDEF":
            raise ValueError("not hexadecimal: " + text)
    return int(text, 16)


# -> key, mask, eight payload bytes, their mask
def pattern(text):
    parts = text.split("#")
    ids = parts[0].split("/")
    key = mask = 0
    if ids != ["*"]:
        digits = len(ids[0])
        if digits not in (3, 8) or len(ids) > 2:
            raise ValueError("an id has 3 or 8 digits: " + parts[0])
        key = hexadecimal(ids[0])
        ones = 0x7FF if digits == 3 else 0x1FFFFFFF
        mask = hexadecimal(ids[1]) if len(ids) == 2 else ones
        if (key | mask) & ~ones:
            raise ValueError("no such id: " + parts[0])
        key |= (digits == 8) << 29
        # the bits that an 11-bit id lacks, so that no pattern is about both kinds
        mask |= 1 << 29 if digits == 8 else 0x3FFFF800
    value = bytearray(_PAYLOAD)
    care = bytearray(_PAYLOAD)
    compared = parts[1] if len(parts) == 2 else ""
    if len(compared) > 2 * _PAYLOAD or len(compared) & 1 or len(parts) > 2:
        raise ValueError("a payload has two digits a byte, of at most eight bytes: " + text)
    for k in range(len(compared)):
        if compared[k] != ".":
            shift = 0 if k & 1 else 4
            value[k >> 1] |= hexadecimal(compared[k]) << shift
            care[k >> 1] |= 15 << shift
    if not mask and not any(care):
        raise ValueError("this is about every frame: name an id or a payload")
    return key & mask, mask, bytes(value), bytes(care)


def ones(x):
    count = 0
    while x:
        count += 1
        x &= x - 1
    return count


# The patterns of a section RULE with their actions.
def _of_section(content, found):
    n = struct.unpack("<H", content[:2])[0]
    keys = array("I", content[4 : 4 + 4 * n])
    masks = array("I", content[4 + 4 * n : 4 + 8 * n])
    at = 4 + 10 * n
    for i in range(n):
        value = bytearray(_PAYLOAD)
        care = bytearray(_PAYLOAD)
        for k in range(_PAYLOAD):
            if content[4 + 9 * n + i] >> k & 1:
                value[k] = content[at]
                care[k] = content[at + 1]
                at += 2
        found[keys[i], masks[i], bytes(value), bytes(care)] = content[4 + 8 * n + i]


# A section RULE of the model's own (empty: it has none) and of settings, which replace rules about the same frames;
# empty where no rule is left.
def joined(content, lines):
    found = {}
    if content:
        _of_section(content, found)
    for line in lines:
        words = line.split()
        if words[0] in ACTIONS:
            found[pattern(words[1])] = ACTIONS.index(words[0])
    order = []
    for one, action in found.items():
        bits = ones(one[1]) + sum([ones(byte) for byte in one[3]])
        order.append((-bits, -action, one))
    order.sort()
    n = len(order)
    if n > _MOST:
        raise ValueError("%d rules, of the model and the settings; a board holds %d" % (n, _MOST))
    pairs = bytearray()
    used = bytearray(n)
    for i in range(n):
        _, _, value, care = order[i][2]
        for k in range(_PAYLOAD):
            if care[k]:
                used[i] |= 1 << k
                pairs.append(value[k])
                pairs.append(care[k])
    if not n:
        return b""
    keys = array("I", [one[2][0] for one in order])
    masks = array("I", [one[2][1] for one in order])
    actions = bytes([-one[1] for one in order])
    head = struct.pack("<HH", n, len(pairs) >> 1)
    return head + bytes(keys) + bytes(masks) + actions + bytes(used) + bytes(pairs)
