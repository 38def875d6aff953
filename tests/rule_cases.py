"""Rules as people write them, and what they mean, said in another way than the code says it."""

import re

from hypothesis import strategies as st

from canbean.can.frames import key_text

_IDS = {3: st.integers(0, 0x7FF), 8: st.integers(0, 0x1FFFFFFF)}


@st.composite
def written(draw):
    """The text of a rule: an id, masked or not, a range that is a power of two, or any id; then a payload or none."""
    width = draw(st.sampled_from(list(_IDS)))
    id_ = draw(_IDS[width])
    shape = draw(st.sampled_from(["id", "mask", "range", "any"]))
    text = f"{id_:0{width}X}"
    if shape == "mask":
        text += f"/{draw(_IDS[width]):0{width}X}"
    elif shape == "range":
        size = 1 << draw(st.integers(0, 11))
        low = id_ // size * size
        text = f"{low:0{width}X}-{low + size - 1:0{width}X}"
    elif shape == "any":
        text = "*"
    if shape == "any" or draw(st.booleans()):
        digits = draw(st.lists(st.sampled_from("0123456789ABCDEFabcdef....xX??"), min_size=2, max_size=16))
        digits = digits[: len(digits) // 2 * 2]
        if not any(digit in ".xX?" for digit in digits) or all(digit in ".xX?" for digit in digits):
            digits[0] = "3"
        # bytes with dots between them are refused
        text += "#" + "".join(digits).replace(".", "x", 1)
    return text


def matches(text, key, data):
    """Whether a frame of a key and eight bytes is one that a text is about."""
    ids, _, digits = text.partition("#")
    shown = key_text(key)
    if "/" in ids:
        id_, mask = ids.split("/")
        found = len(shown) == len(id_) and (int(shown, 16) ^ int(id_, 16)) & int(mask, 16) == 0
    elif "-" in ids:
        low, high = ids.split("-")
        found = len(shown) == len(low) and low <= shown <= high
    else:
        found = ids in {"*", shown}
    pattern = re.sub(r"[.xX?]", ".", digits.upper())
    return found and re.match(pattern, bytes(data).hex().upper()) is not None


def texts_for(rng, frames, count):
    """Texts of rules that frames of a table match now and then."""
    texts = []
    for at in rng.integers(0, len(frames), count):
        key = int(frames.key[at])
        ids = key_text(key)
        ids = rng.choice([ids, ids, f"{ids}/{rng.integers(0, 0x800):0{len(ids)}X}", "*"])
        digits = list(frames.data[at, :8].tobytes().hex())
        for k in range(16):
            if rng.random() < 0.85:
                digits[k] = "x"
        digits[rng.integers(16)] = "0"
        digits = digits[: 2 * int(rng.integers(1, 9))]
        compared = any(digit != "x" for digit in digits) and (ids == "*" or rng.random() < 0.6)
        if compared or ids != "*":
            texts.append(str(ids) + ("#" + "".join(digits) if compared else ""))
    return texts


def rules_for(rng, frames):
    """Rules at random; most of them match some frame of the table."""
    from canbean.detect.rules import Rules

    texts = texts_for(rng, frames, int(rng.integers(1, 20))) or ["7FF"]
    cut = int(rng.integers(0, len(texts) + 1))
    allow = texts[:cut]
    return Rules.parse(allow).joined(Rules.parse(deny=texts[cut:]))
