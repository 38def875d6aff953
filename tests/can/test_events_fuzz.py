import random

from canbean.can import events
from canbean.errors import CanbeanError

GOOD = b"label,start,end,id\nflood,1.5,2.25,100\ngone,10,20.000001,2C5 18FEF100\nbus,30,31,\n"


def test_ten_thousand_mutations_are_events_or_one_clear_error(tmp_path):
    dice, path, read = random.Random(3), tmp_path / "E.csv", 0
    for _ in range(10_000):
        text = bytearray(GOOD)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(text) + 1)
            way = dice.randrange(4)
            if way == 0:
                del text[at : at + dice.randint(1, 20)]
            elif way == 1:
                text[at:at] = dice.choice([b"\0", b"\xff", b",", b'"', b"\n", b"nan", b"-", b"9" * 40])
            elif way == 2 and at < len(text):
                text[at] ^= 1 << dice.randrange(8)
            else:
                del text[at:]
        path.write_bytes(text)
        try:
            rows = events.read(path)
        except CanbeanError as error:
            assert "E.csv" in str(error)  # noqa: PT017 - some mutations read, others are refused
            assert "\n" not in str(error)  # noqa: PT017 - as above
            continue
        read += 1
        assert all(event.start_us <= event.end_us for event in rows)
    assert read > 200
