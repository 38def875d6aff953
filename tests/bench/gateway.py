"""`tools/bench gateway`: the gateway on the unix VM, its frames in memory and over a pty, and the heap of a 32-bit board.

No figure here is one of a board: nothing has run on hardware.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from canbean.board import profiles
from canbean.can import simulate
from canbean.cli.board_list import show_fits
from canbean.detect import board_fit
from gateway_ledger import LEDGER_BYTES, ledger, once, resident
from gateway_load import bus, bus_model, default_model, in_memory, soak
from spi_load import spi_load


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
        both = said["in_memory_sequence"], said["in_memory_default"]
        said["bytes_per_frame"] = max(one["allocated_bytes"] / one["frames"] for one in both)
        said |= spi_load()
        # three times, for whatever else runs on this machine
        rounds = [soak(sequence, options.frames // 4, "64wK")["frames_per_second"] for _ in range(3)]
        said["pty_sequence_frames_per_second"] = rounds
        said["heap_ledger_limit"] = LEDGER_BYTES
        for name, path in (("fingerprint", model), ("sequence", sequence), ("default", chosen)):
            tree = Path(folder) / name
            tree.mkdir()
            said[f"heap_ledger_{name}"] = ledger(path, tree)
            said[f"heap_ledger_romfs_{name}"] = ledger(path, Path(tempfile.mkdtemp(dir=folder)), romfs=True)
            # what stays loaded, and what leaves the heap once the gateway stands
            said[f"mpy_bytes_{name}"] = sum(resident(tree).values())
            said[f"mpy_bytes_once_{name}"] = sum(once(tree).values())
        said["heap_ledger_bytes"], said["mpy_bytes"] = (
            said["heap_ledger_sequence"],
            said["mpy_bytes_sequence"],
        )
    fits = board_fit.table([profiles.profile(name) for name in profiles.names()])
    if options.json:
        print(json.dumps({**said, "fits": fits}))
    else:
        for key, value in said.items():
            print(f"{key:>30} {value}")
        show_fits(fits)


if __name__ == "__main__":
    main()
