"""`tools/bench stalls`: tests on a machine that stops now and then, for seconds or for most of each second. Linux only."""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

MARK = "CANBEAN_STALLS"
"""In the environment of all that is to stop."""
TIMED = ["tests/board", "tests/cli", "tests/web"]


def main():
    options = parsed()
    rng = random.Random(options.seed)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *(options.tests or TIMED)]
    with subprocess.Popen(command, env={**os.environ, MARK: "1"}) as tests:
        count, stopped_s, begun = 0, 0.0, time.monotonic()
        while tests.poll() is None:
            time.sleep(rng.uniform(*options.runs))
            seconds = rng.uniform(*options.stops)
            stopped = send(signal.SIGSTOP, marked())
            try:
                time.sleep(seconds)
            finally:
                send(signal.SIGCONT, stopped)
            count, stopped_s = count + 1, stopped_s + seconds
    whole_s = time.monotonic() - begun
    print(f"stopped {count} times, {stopped_s:.0f} of {whole_s:.0f} s; seed {options.seed}", file=sys.stderr)
    sys.exit(tests.returncode)


def parsed():
    parser = argparse.ArgumentParser(prog="tools/bench stalls", description=__doc__)
    parser.add_argument("tests", nargs="*", help=f"as pytest takes them; without any: {' '.join(TIMED)}")
    parser.add_argument("--runs", type=float, nargs=2, default=(2.0, 8.0), help="seconds between two stops")
    parser.add_argument("--stops", type=float, nargs=2, default=(1.0, 6.0), help="seconds of a stop")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def marked():
    """The tests' processes, and all that they have started."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdecimal() and f"{MARK}=1".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def send(what, processes):
    """Send a signal; those that were there to get it."""
    sent = []
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, what)
            sent.append(process)
    return sent


if __name__ == "__main__":
    main()
