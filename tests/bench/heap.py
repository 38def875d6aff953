"""`tools/bench heap`: what each part of a gateway takes of a small board's heap, with and without ROMFS; some minutes.

The figures that `can learn --board`, `board list` and the build go by are these, once they are written.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import heap_fit
from canbean.detect.board_cost import Size


def main():
    parser = argparse.ArgumentParser(prog="tools/bench heap", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make what is measured what canbean goes by")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    learned = heap_fit.learned()
    gateways = list(heap_fit.cases(learned))
    parts = [Size.of(one).parts() for one in gateways]
    measured, said = {}, {}
    for table in ("heap", "romfs"):
        taken = []
        for at, one in enumerate(gateways):
            taken.append(heap_fit.measure(one, romfs=table == "romfs"))
            print(f"{table} {at + 1}/{len(gateways)}: {taken[-1]}", file=sys.stderr)
        measured[table], worst = heap_fit.fit(parts, taken)
        said[table] = {"bytes": measured[table], "taken": taken, "worst_error": round(worst, 4)}
    if options.write:
        heap_fit.store(measured, Size.of(learned))
    if options.json:
        print(json.dumps(said))
        return
    for name in measured["heap"]:
        print(f"{name:>16} {measured['heap'][name]:>10,.1f} {measured['romfs'][name]:>10,.1f}")
    print(f"{'worst error':>16} " + " ".join(f"{said[table]['worst_error']:>10.2%}" for table in measured))


if __name__ == "__main__":
    main()
