"""`tools/bench logs`: reading logs, decoding signals, memory and replay, beside other libraries on the same simulated data.

The peer and we run by turns on one file; the best of the rounds counts, in seconds of the processor (both use one core). What
must be on time, and the long log, is measured by the clock. Peak memory is that of a process of its own (`VmHWM`
where the system tells it: what `getrusage` says includes the parent's until it started).
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cantools
import numpy as np

import can
import log_peers as peers
from canbean.can import database, dbc, logs, player, signals, simulate
from canbean.can.logs import candump, formats

CAP_MB = 400
"""Of peak memory, however long the log."""
SMALL = 100_000_000
"""Bytes of the smaller of the two logs whose memory and time are compared."""


def drive(frames):
    """So many frames of the simulated vehicle, on a bus that every format has a place for."""
    seconds = 60 + frames / 850
    made = simulate.drive(seconds, 0)
    while len(made) < frames:
        seconds *= 1.2
        made = simulate.drive(seconds, 0)
    return made[:frames].changed(buses=("can0",))


def row(what, ours, theirs, target, *, unit="frames/s", peer=""):
    """A line of the table where more is better."""
    ratio = ours / theirs
    return {
        "what": what,
        "ours": round(ours),
        "peer": round(theirs),
        "peer_is": peer,
        "unit": unit,
        "ratio": round(ratio, 2),
        "target": None if target is None else f"{target}x",
        "reached": None if target is None else ratio >= target,
    }


def figure(what, ours, unit, *, target=None, reached=None, theirs=None, peer=""):
    """A line of the table that is held against a number, not against the peer."""
    said = {"what": what, "ours": ours, "peer": theirs, "peer_is": peer, "unit": unit, "ratio": None}
    return {**said, "target": target, "reached": reached}


def skipped(what, why):
    """A line of the table that says why nothing was measured."""
    return {"what": what, "skipped": why}


READERS = {
    "candump": (".log", 12, [("python-can LogReader", peers.log_reader)]),
    "labelled": (".csv", 10, [("csv loop", peers.labelled_loop)]),
    "gvret": (".gvret.csv", 10, [("csv loop", peers.gvret_loop)]),
    "asc": (".asc", 10, [("python-can ASCReader", peers.log_reader)]),
    "blf": (".blf", 5, [("python-can BLFReader", peers.log_reader)]),
    "mf4": (".mf4", 1, [("asammdf to_dataframe", peers.mdf_frames)]),
}


def reading(name, folder, options):
    """Our reader of a format against others on the file that we wrote."""
    ending, target, others = READERS[name]
    if ending not in formats.writers():
        return [skipped(f"read {name}", f"no format is registered that writes {ending}")]
    path = folder / f"drive{ending}"
    frames = drive(options.frames)
    logs.write(path, frames)
    other = folder / "own.csv"
    works = [lambda: len(logs.read(path).frames), *(lambda peer=peer: peer(path) for _, peer in others)]
    if name == "labelled":
        peers.own_csv(other, frames)
        others = [*others, ("python-can CSVReader, its own dialect", None)]
        works.append(lambda: peers.log_reader(other))
    del frames
    took, counts = peers.best_of(options.rounds, *works)
    path.unlink()
    other.unlink(missing_ok=True)
    assert set(counts) == {options.frames}, counts
    rates = [options.frames / spent for spent in took]
    return [
        row(f"read {name}", rates[0], rate, target, peer=peer)
        for (peer, _), rate in zip(others, rates[1:], strict=True)
    ]


def decoding(_folder, options):
    """Every signal of the drive against cantools' loop; the values are compared."""
    frames = drive(min(options.frames, 300_000))
    text = dbc.dbc_text()
    ours, theirs = database.parse(text, "drive.dbc"), cantools.database.load_string(text, "dbc")
    ids = frames.id.tolist()
    payloads = [data[:size].tobytes() for data, size in zip(frames.data, frames.dlc.tolist(), strict=True)]
    took, (found, said) = peers.best_of(
        options.rounds, lambda: signals.decode(ours, frames), lambda: peers.decoded(theirs, ids, payloads)
    )
    compared = 0
    for message in found.values():
        for series in message.signals.values():
            wanted = [said[which][series.name] for which in series.rows.tolist()]
            assert series.values.tolist() == wanted, (message.message, series.name)
            compared += len(wanted)
    assert compared == sum(map(len, said))
    rates = [len(frames) / spent for spent in took]
    return [row(f"decode DBC ({compared:,} equal values)", *rates, 25, peer="cantools decode_message")]


def long_log(path, size):
    """Write a candump log of about so many bytes: a drive again and again, its times going on."""
    block = drive(1 << 18).changed(buses=("can0",))
    step = int(block.t_us[-1]) - int(block.t_us[0]) + 1000
    text = np.frombuffer(b"".join(candump.compose([block], block, "")), np.uint8).copy()
    starts = np.concatenate([[0], np.flatnonzero(text == ord("\n"))[:-1] + 1])
    places = starts[:, None] + np.array([*range(1, 11), *range(12, 18)])
    powers = 10 ** np.arange(15, -1, -1)
    t_us = block.t_us + 1_600_000_000_000_000
    with path.open("wb") as file:
        while file.tell() < size:
            text[places] = t_us[:, None] // powers % 10 + ord("0")
            file.write(text[: size - file.tell()].tobytes().rpartition(b"\n")[0] + b"\n")
            t_us += step
            if size - file.tell() < 100:
                break


def peak_mb():
    """The most memory that this process held, in units of 1,000,000 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        words = status.read_text().partition("VmHWM:")[2].split()
        return int(words[0]) * 1024 / 1e6
    # Bytes on macOS, kilobytes elsewhere.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def child(verb, path):
    """What a process of its own does: read a log in chunks, or tell about it."""
    begin = time.perf_counter()
    if verb == "info":
        from canbean_run import canbean

        done = canbean("can", "info", path, "--json")
        frames = json.loads(done.out)["frames"]
    else:
        frames = sum(len(frames) for frames in logs.chunks(path))
    said = {"frames": frames, "seconds": time.perf_counter() - begin, "mb": peak_mb()}
    print(json.dumps(said))


def memory(folder, options):
    """Peak memory and time per byte of two lengths of log."""
    lines = []
    for verb, what in (("chunks", "chunks of"), ("info", "can info of")):
        per_byte = []
        for size in (SMALL, options.big):
            path = folder / f"{size}.log"
            if not path.exists():
                long_log(path, size)
            call = [sys.executable, __file__, "--child", verb, str(path)]
            done = json.loads(subprocess.run(call, check=True, capture_output=True).stdout)
            mb = round(done["mb"])
            name = f"{what} {path.stat().st_size / 1e6:,.0f} MB: peak memory"
            lines.append(figure(name, mb, "MB", target=f"< {CAP_MB}", reached=mb < CAP_MB))
            per_byte.append(done["seconds"] / path.stat().st_size * 1e9)
            lines.append(figure("    time", round(done["seconds"], 1), "s"))
        small, big = per_byte
        linear = {"target": "at most 1.3 times", "reached": big <= 1.3 * small}
        lines.append(figure("    time per byte", f"{small:.1f}, {big:.1f}", "ns", **linear))
    for path in folder.glob("*.log"):
        path.unlink()
    return lines


def fast(which, path, bus):
    """From the file onto the bus as fast as it goes."""
    if which == "ours":
        player.play(player.sendable(logs.read(path).frames), bus.send, speed=None)
    else:
        peers.player(path, bus, timed=False)


class Stamping:
    """A bus that notes when each message was sent, in memory that is there before: to touch new memory may take milliseconds."""

    def __init__(self, bus, n):
        self.bus, self.times, self.count = bus, np.full(n, -1.0), 0

    def send(self, message):
        self.bus.send(message)
        self.times[self.count] = time.perf_counter()
        self.count += 1


def replay(folder, options):
    """Onto python-can's virtual bus: on time at 2,000 frames a second, and as fast as it goes."""
    lines = []
    n = round(2000 * options.seconds)
    steady = drive(n).changed(t_us=np.arange(n) * 500)
    due = np.arange(n) * 0.0005
    path = folder / "steady.log"
    logs.write(path, steady)
    shown = []
    for which in ("ours", "peer"):
        with can.Bus("bench", interface="virtual") as bus:
            stamping = Stamping(bus, n)
            gc.collect()
            if which == "ours":
                player.play(player.sendable(logs.read(path).frames), stamping.send)
            else:
                peers.player(path, stamping, timed=True)
        assert stamping.count == n
        stamps = stamping.times
        # The schedule begins where the most punctual frames say, not with the first one, which may be late.
        late = stamps - due
        late -= np.quantile(late, 0.01)
        within = 100 * float((np.abs(late) <= 1e-3).mean())
        shown.append((round(within, 2), round(1000 * float(np.median(late[-100:])), 3)))
    peer = "MessageSync"
    shares, drifts = zip(*shown, strict=True)
    name = f"replay 2,000 frames/s for {options.seconds:g} s: within 1 ms"
    lines.append(
        figure(name, shares[0], "%", target=">= 99", reached=shares[0] >= 99, theirs=shares[1], peer=peer)
    )
    punctual = abs(drifts[0]) < 1
    drift = {"target": "< 1", "reached": punctual, "theirs": drifts[1], "peer": peer}
    lines.append(figure("    drift at the end", drifts[0], "ms", **drift))
    path.unlink()

    path = folder / "fast.log"
    frames = drive(min(options.frames, 300_000))
    logs.write(path, frames)
    for what, ears, target in (("nobody listening", 0, 5), ("one listener", 1, None)):
        took = {"ours": [], "peer": []}
        for _ in range(options.rounds):
            for which, times in took.items():
                bus = can.Bus("bench", interface="virtual")
                listeners = [can.Bus("bench", interface="virtual") for _ in range(ears)]
                gc.collect()
                spent, _ = peers.seconds(lambda which=which, bus=bus: fast(which, path, bus))
                times.append(spent)
                assert all(len(peers.heard(listener)) == len(frames) for listener in listeners)
                for opened in (bus, *listeners):
                    opened.shutdown()
        rates = [len(frames) / min(times) for times in took.values()]
        lines.append(
            row(f"replay at full speed, {what}", *rates, target, peer="LogReader, MessageSync gap 0")
        )
    return lines


PARTS = {
    "memory": memory,
    **{
        name: lambda folder, options, name=name: reading(name, folder, options)
        for name in ("candump", "labelled", "gvret", "asc", "blf", "mf4")
    },
    "decode": decoding,
    "replay": replay,
}


def show(lines):
    """Print the table."""
    heads = ("what", "ours", "peer", "unit", "ratio", "target", "reached", "peer is")
    rows = [heads]
    for line in lines:
        if "skipped" in line:
            rows.append((line["what"], "skipped: " + line["skipped"], *[""] * 6))
            continue
        ours, theirs = (
            "" if line[key] is None else f"{line[key]:,}" if isinstance(line[key], int) else str(line[key])
            for key in ("ours", "peer")
        )
        ratio = "" if line["ratio"] is None else f"{line['ratio']:.1f}x"
        reached = {None: "", True: "yes", False: "no"}[line["reached"]]
        rows.append(
            (line["what"], ours, theirs, line["unit"], ratio, line["target"] or "", reached, line["peer_is"])
        )
    widths = [max(len(cells[k]) for cells in rows if "skipped" not in cells[1]) for k in range(len(heads))]
    widths[0] = max(len(cells[0]) for cells in rows)
    for cells in rows:
        first, *rest = (
            f"{cell:>{w}}" if 0 < k < 5 else f"{cell:<{w}}"
            for k, (cell, w) in enumerate(zip(cells, widths, strict=True))
        )
        print(first, cells[1] if "skipped" in cells[1] else "  ".join(rest).rstrip(), sep="  ")


def main():
    parser = argparse.ArgumentParser(prog="tools/bench logs", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one; may be repeated")
    parser.add_argument("--big", type=int, default=2_000_000_000, metavar="BYTES", help="of the long log")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the replay in real time")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.part or PARTS:
            begin = time.perf_counter()
            found = PARTS[name](Path(folder), options)
            lines += found
            if not options.json:
                print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"data": "simulated", "lines": lines}))
    else:
        print(f"data: simulated; frames a second of processor time, best of {options.rounds} rounds by turns")
        show(lines)


if __name__ == "__main__":
    main()
