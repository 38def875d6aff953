# Safe mode: the serial line alone, for a board whose application fails each time it starts.
from canbean.console import Console
from canbean.passing import passing


def main(board):
    from commands.crash import reason

    console = Console(board, "safe")
    why = reason()
    if why != "asked for":
        why = "three starts in a row failed; the last: " + (why or "no reason known (watchdog, or no power)")
    console.refused = "safe mode: " + why
    passing(None)
    console.counts = tuple
    # what the files in commands/ are given
    console.application = console
    console.console = console  # type: ignore[attr-defined]
    console.run()
