"""`tools/bench soak`: a bus of 1,000 frames a second for as long as it takes, on the virtual board with the smallest heap.

24 hours of it are shortened to what full speed does in 20 minutes. The gateway is the real one, receive ring and clock included;
its ticks wrap at 2**30. Every 20 s of the bus (a round) the free heap is taken; every round has an attack whose alerts are counted.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from soak_load import ROUND_S, soak


def main():
    parser = argparse.ArgumentParser(prog="tools/bench soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=20.0, help="of this machine; ends sooner after 24 hours of the bus"
    )
    parser.add_argument("--heap", default="23wK", help="the VM's, as its -X heapsize takes it")
    parser.add_argument("--detectors", default="sequence", help="beside the fingerprint, A,B or none")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = [] if options.detectors == "none" else options.detectors.split(",")

    def progress(said):
        if sys.stderr.isatty():
            hours = said.rounds * ROUND_S / 3600
            sys.stderr.write(f"\r{hours:6.2f} h of the bus, heap free {said.status[-1]['heap_free']}  ")

    with tempfile.TemporaryDirectory() as folder:
        said = soak(
            Path(folder), rounds=24 * 3600 // ROUND_S, seconds=round(60 * options.minutes), names=names,
            heap=options.heap, progress=progress,
        )  # fmt: skip
    faults = said.faults()
    figures = {
        "data": "simulated",
        "board": f"virtual, heap {options.heap}",
        **said.describe(),
        "faults": faults,
    }
    if options.json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:>20} {value}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
