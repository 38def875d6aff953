"""`tools/bench noise`: a replay over a line on which one byte in a thousand is flipped, dropped or doubled."""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from noise_cases import noise


def main():
    parser = argparse.ArgumentParser(prog="tools/bench noise", description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=0.001, help="share of bytes that are harmed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    said = {
        "data": "simulated",
        "board": "virtual",
        "rate": options.rate,
        **noise(options.frames, options.rate, options.seed),
    }
    if options.json:
        print(json.dumps(said))
    else:
        for key, value in said.items():
            print(f"{key:>22} {value}")
    sys.exit(0 if said["alerts_as_expected"] and not said["lost"] else 1)


if __name__ == "__main__":
    main()
