# Closed incidents into the store that survives a reset, in steps that load one after the other: store_pack.py makes a record,
# store_file.py writes it. Flash wears out: not more than one record a minute is written. One incident waits for its turn, the
# more severe of two.
from canbean import const

_PAUSE = const(60)  # seconds


# Of app.store: `closed` are incidents that are over, `waiting` is the record of one whose turn has not come, `next` the second
# of uptime at which that is, `unstored` how many will never be written, `told` how many of those a record has told of.
# `app.due` is when this wants to be run again.
def run(app, _):
    state = app.store
    rare = app.console.rare
    closed = state.pop("closed", None)
    if closed:
        # until they are packed
        state["unstored"] = state.get("unstored", 0) + len(closed)
        rare("store_pack", closed)
    now = app.console.uptime() // 1000
    app.due = state.get("next", 0)
    if state.get("waiting") and now >= app.due:
        app.due = state["next"] = now + _PAUSE
        rare("store_file", None)
    if not state.get("waiting"):
        app.due = None
