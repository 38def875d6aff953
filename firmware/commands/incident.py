# Alerts that follow each other within ten seconds as one incident: a line when it opens, one with every ten seconds that it
# lasts, one when it is over. Loaded for every alert: it takes less time than the alert's line. The twin of the host's
# board/incident_lines.py.
from canbean import const
from canbean.said import id_text, severity

_QUIET = const(10)  # seconds
_IDS = const(4)
# An incident: its number, when it opened (s, us), when a line last told of it (s), its last alert (s, us), its alerts, the first
# ids, how many alerts are of further ones, kinds, how far the worst one was over the threshold (1/16 bit).
_NUMBER = const(0)
_OPENED = const(1)
_TOLD = const(2)
_LAST = const(3)
_COUNT = const(4)
_SHOWN = const(5)
_MORE = const(6)
_KINDS = const(7)
_OVER = const(8)


# `what`: what an alert tells, before its line is written; True: it has been quiet for long enough; False: a new beginning.
# `app.incident` is the one that is open; one that is over goes to commands/store.py.
def run(app, what):
    one = app.incident
    if what is True or what is False:
        if one:
            close(app, one, what)
    elif isinstance(what, tuple):
        s, us, key, _, words, bits, threshold, number, _ = what
        if one and number != one[_NUMBER]:
            # a clock that was set back ends it at once
            close(app, one, (s, us) >= one[_LAST])
            one = None
        if not one:
            one = app.incident = [number, (s, us), s, None, 0, [], 0, [], -1]
        one[_LAST] = s, us
        one[_COUNT] += 1
        one[_OVER] = max(one[_OVER], bits - threshold)
        add(one, key, words[0])
        if one[_COUNT] == 1:
            tell(app.lines, one, "opened")
        elif s - one[_TOLD] >= _QUIET:
            one[_TOLD] = s
            tell(app.lines, one, "lasts")


def add(one, key, kind):
    if kind not in one[_KINDS]:
        one[_KINDS].append(kind)
    if key is not None:
        ids = one[_SHOWN]
        key = id_text(key)
        if key not in ids:
            if len(ids) < _IDS:
                ids.append(key)
            else:
                one[_MORE] += 1


def close(app, one, quiet):
    s, us = one[_LAST]
    one[_LAST] = s + _QUIET * quiet, us
    tell(app.lines, one, "closed")
    app.incident = None
    app.store.setdefault("closed", []).append(one)
    app.due = 0


def tell(lines, one, state):
    lines.send(
        "incident",
        (
            ("number", one[_NUMBER]),
            ("state", state),
            ("opened", b"%d.%06d" % one[_OPENED]),
            ("closed", b"%d.%06d" % one[_LAST] if state == "closed" else None),
            ("count", one[_COUNT]),
            # of words without quotes this is JSON
            ("ids", str(one[_SHOWN]).replace("'", '"').encode()),
            ("more", one[_MORE]),
            ("kinds", str(one[_KINDS]).replace("'", '"').encode()),
            ("severity", severity(one[_OVER], 0)),
        ),
    )
