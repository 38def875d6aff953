import random

from canbean.board.firmware import module
from canbean.board.link import Lines


def talk(count):
    """What a board says: `count` lines."""
    out = bytearray()
    lines = module("lines").Lines(out.extend, "0badcafe")
    for i in range(count):
        lines.send("status", (("i", i), ("words", 'a "b" \\ c'), ("none", None)))
    return bytes(out)


def test_ten_thousand_mutations_of_what_a_board_says_are_read_or_counted():
    dice, said = random.Random(5), talk(4)
    whole = [record.values for record in Lines().take(said)]
    for _ in range(10_000):
        text = bytearray(said)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(text) + 1)
            way = dice.randrange(3)
            if way == 0:
                del text[at : at + dice.randint(1, 200)]
            elif way == 1:
                text[at:at] = dice.randbytes(dice.randint(1, 8))
            elif at < len(text):
                text[at] ^= 1 << dice.randrange(8)
        lines, got = Lines(), []
        cut = dice.randrange(len(text) + 1)
        for piece in (bytes(text[:cut]), bytes(text[cut:])):
            got += [record.values for record in lines.take(piece)]
        # Every line that got through is one that was said; CRC-32 lets no other pass here.
        assert all(values in whole for values in got)
        assert lines.lost <= len(whole)
        # Between the first and the last line a gap in the numbers tells of those that did not.
        if whole[0] in got and whole[-1] in got:
            assert lines.lost == len(whole) - len(got)
