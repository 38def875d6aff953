"""Lines that come again under their old numbers, and alerts put in order by them."""

from hypothesis import given
from hypothesis import strategies as st

from board_cases import told
from canbean.board.alerts import Alerts
from canbean.board.firmware import module
from canbean.board.link import Lines


def numbered(n):
    """Lines 0 to n - 1, each as its bytes."""
    out = bytearray()
    sender = module("lines").Lines(out.extend, "9f3a01c2")
    for _ in range(n):
        sender.send("x")
    return bytes(out).splitlines(keepends=True)


@given(st.lists(st.integers(0, 19), max_size=60))
def test_each_line_is_given_out_once_however_often_and_late_it_comes(order):
    data = numbered(20)
    lines = Lines()
    seen = []
    for number in order:
        new = number not in seen
        records = list(lines.take(data[number]))
        assert len(records) == new
        seen += [number] * new
        known = set(range(max(seen) + 1)) - set(seen)
        assert lines.lost == len({number for number in known if number > order[0]})
        for since in range(22):
            here = max(seen) + 1
            assert lines.missing(since) == min([n for n in known if n >= since], default=max(here, since))
    assert lines.twice == len(order) - len(seen)
    assert lines.noise == 0


class Live:
    """A board on a live bus: it raises alerts whether or not anybody listens, and keeps the latest."""

    def __init__(self, kept):
        self.out = bytearray()
        self.lines = module("lines").Lines(self.out.extend, "9f3a01c2", kept)
        self.raised = 0

    def raise_alert(self):
        self.raised += 1
        self.lines.alert(told, (0, 0, self.raised))

    def said(self):
        data = bytes(self.out)
        self.out.clear()
        return data


STEPS = st.lists(
    st.sampled_from(["alert", "other", "poll"]).flatmap(lambda kind: st.tuples(st.just(kind), st.booleans())),
    max_size=60,
)


@given(STEPS, st.integers(1, 4), st.integers(0, 6))
def test_on_a_live_bus_each_alert_is_given_out_once_or_counted(steps, kept, before):
    board, lines = Live(kept), Lines()
    for _ in range(before):
        board.raise_alert()
    board.said()
    alerts, given_out = Alerts(lines), []

    def hear(data):
        for record in lines.take(data):
            given_out.extend(one.values["n"] for one in alerts.take(record))
            if record.values["type"] == "kept":
                given_out.extend(one.values["n"] for one in alerts.told(record))

    def poll():
        alerts.question(0.0)
        board.lines.got(alerts.floor, 1)

    # until the board has answered once nobody knows what it had raised
    for kind, lost in [("poll", False), *steps, ("poll", False), ("poll", False)]:
        {"alert": board.raise_alert, "other": lambda: board.lines.send("status"), "poll": poll}[kind]()
        data = board.said()
        hear(b"" if lost else data)
    assert alerts.whole
    assert given_out == sorted(set(given_out))
    # those raised before we came are asked for too, as far as they are kept
    first = max(before - kept, 0) + 1
    assert set(given_out) <= set(range(first, board.raised + 1))
    assert alerts.given == len(given_out)
    assert alerts.given + alerts.missed == board.raised - first + 1
    assert alerts.count == board.raised
    assert alerts.missed <= board.lines.lost
    board.lines.got(alerts.floor, 0)
    assert not board.lines.kept
