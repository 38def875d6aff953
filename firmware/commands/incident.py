# Alerts that follow each other within ten seconds as one incident: a line when it opens, one with every ten seconds that it
# lasts, one when it is over. Loaded for every alert: it takes less time than the alert's line. The twin of the host's
# board/incident_lines.py.
from canbean import const
from canbean.alert import id_text, severity

_QUIET = const(10)  # seconds
_IDS = const(4)


# `what`: what an alert tells, before its line is written; True: it has been quiet for long enough; False: a new beginning.
# `app.incident` is the one that is open; one that is over goes to commands/store.py.
def run(app, what):
    one = app.incident
    if what is True or what is False:
        if one:
            close(app, one, what)
    elif isinstance(what, tuple):
        s, us, key, _, words, bits, threshold, number, _ = what
        if one and number != one["number"]:
            # a clock that was set back ends it at once
            close(app, one, (s, us) >= one["last"])
            one = None
        if not one:
            one = app.incident = {
                "number": number,
                "opened": (s, us),
                "told": s,
                "count": 0,
                "ids": [],
                "more": 0,
                "kinds": [],
                "bits": -1,
            }
        one["last"] = s, us
        one["count"] += 1
        one["bits"] = max(one["bits"], bits - threshold)
        add(one, key, words[0])
        if one["count"] == 1:
            tell(app.lines, one, "opened")
        elif s - one["told"] >= _QUIET:
            one["told"] = s
            tell(app.lines, one, "lasts")


def add(one, key, kind):
    if kind not in one["kinds"]:
        one["kinds"].append(kind)
    if key is not None:
        ids = one["ids"]
        key = id_text(key)
        if key not in ids:
            if len(ids) < _IDS:
                ids.append(key)
            else:
                one["more"] += 1


def close(app, one, quiet):
    s, us = one["last"]
    one["last"] = s + _QUIET * quiet, us
    tell(app.lines, one, "closed")
    app.incident = None
    app.store.setdefault("closed", []).append(one)
    app.due = 0


def tell(lines, one, state):
    lines.send(
        "incident",
        (
            ("number", one["number"]),
            ("state", state),
            ("opened", b"%d.%06d" % one["opened"]),
            ("closed", b"%d.%06d" % one["last"] if state == "closed" else None),
            ("count", one["count"]),
            # of words without quotes this is JSON
            ("ids", str(one["ids"]).replace("'", '"').encode()),
            ("more", one["more"]),
            ("kinds", str(one["kinds"]).replace("'", '"').encode()),
            ("severity", severity(one["bits"], 0)),
        ),
    )
