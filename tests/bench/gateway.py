"""`tools/bench gateway`: the gateway on the unix VM, its frames in memory and over a pty, and the heap of a 32-bit board.

No figure here is one of a board: nothing has run on hardware.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gateway_load import LEDGER_BYTES, bus, bus_model, in_memory, ledger, mpy_bytes, soak


def main():
    parser = argparse.ArgumentParser(prog="tools/bench gateway", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = bus_model(Path(folder) / "load.cbm")
        said = {"data": "simulated", "board": "virtual, heap 23wK", **soak(model, options.frames)}
        said["model_bytes"] = model.stat().st_size
        frames = bus(300, 7)
        sequence = bus_model(Path(folder) / "sequence.cbm", ("fingerprint", "sequence"))
        chosen = bus_model(Path(folder) / "default.cbm", None)
        for name, path in (("sequence", sequence), ("default", chosen)):
            said[f"in_memory_{name}"] = in_memory(path, frames, Path(folder))
        said["pty_sequence"] = soak(sequence, options.frames, "64wK")
        tree = Path(folder) / "tree"
        tree.mkdir()
        said["heap_ledger_bytes"], said["heap_ledger_limit"] = ledger(model, tree), LEDGER_BYTES
        said["mpy_bytes"] = mpy_bytes(tree)
    if options.json:
        print(json.dumps(said))
    else:
        for key, value in said.items():
            print(f"{key:>20} {value}")


if __name__ == "__main__":
    main()
