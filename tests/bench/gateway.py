"""`tools/bench gateway`: the gateway on the unix VM, its frames in memory and over a pty, and the heap of a 32-bit board.

No figure here is one of a board: nothing has run on hardware.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from canbean.can import simulate
from gateway_load import LEDGER_BYTES, bus, bus_model, default_model, in_memory, ledger, mpy_bytes, soak


def main():
    parser = argparse.ArgumentParser(prog="tools/bench gateway", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = bus_model(Path(folder) / "load.cbm")
        said = {"data": "simulated", "board": "virtual, heap 23wK", **soak(model, options.frames)}
        said["model_bytes"] = model.stat().st_size
        sequence = bus_model(Path(folder) / "sequence.cbm", ("fingerprint", "sequence"))
        chosen = default_model(Path(folder) / "default.cbm")
        said["in_memory_sequence"] = in_memory(sequence, bus(300, 7), Path(folder))
        said["in_memory_default"] = in_memory(chosen, simulate.drive(300, 7), Path(folder))
        # three times, for whatever else runs on this machine
        rounds = [soak(sequence, options.frames // 4, "64wK")["frames_per_second"] for _ in range(3)]
        said["pty_sequence_frames_per_second"] = rounds
        tree = Path(folder) / "tree"
        tree.mkdir()
        said["heap_ledger_bytes"], said["heap_ledger_limit"] = ledger(model, tree), LEDGER_BYTES
        said["mpy_bytes"] = mpy_bytes(tree)
    if options.json:
        print(json.dumps(said))
    else:
        for key, value in said.items():
            print(f"{key:>30} {value}")


if __name__ == "__main__":
    main()
