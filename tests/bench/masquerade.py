"""`tools/bench masquerade`: who sees a liar? Whole gateways and detectors of relations on simulated drives, learned from others.

An attacker takes the place of an id's true sender, keeps its timing, counters and checksums, and lies about one physical signal
for 5 to 10 s: plateau, ramp, constant, or an earlier stretch of its payloads. The twin is the same drive without the attack.
Recall, alarmed fraction and false episodes are those of `can score`. Neither training nor thresholds see any of this.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from canbean.can import attacks, logs, simulate
from canbean.detect import score
from canbean.detect.denoising import neural
from canbean.detect.detectors import module, vae
from canbean.detect.learn import learn
from canbean.detect.relation import lesson
from canbean.detect.replay import replay
from canbean.detect.rounding import calibrated
from canbean.detect.select import select
from canbean.errors import UsageError
from conftest import RECORDINGS
from masquerade_cases import KINDS, Liar, alerts_of, clean_of, traffic_of

FLOAT = "vae-float"
NAMES = ("vae", FLOAT, "lstm")
SECONDS = 600.0
FIRST = 30
"""The first seed: what is below was looked at while detectors were made."""


class Tables:
    """Tallies by detector and kind of lie."""

    def __init__(self):
        self.tallies = {}

    def add(self, who, kind, tally):
        self.tallies.setdefault(who, {}).setdefault(kind, []).append(tally)

    def rows(self):
        for who, kinds in self.tallies.items():
            for kind, tallies in kinds.items():
                whole = score.result(tallies)
                attack = next(iter(whole["attacks"].values()), {})
                names = ("events", "recall", "skill", "alarmed_fraction", "delay_ms_median")
                yield {
                    "detector": who,
                    "kind": kind,
                    **{name: attack.get(name) for name in names},
                    "clean_hours": whole["clean_hours"],
                    **{
                        n: whole[n]
                        for n in ("false_alerts_per_hour", "false_episodes_per_hour", "unattributed_alerts")
                    },
                }


@dataclass
class Watching:
    """Gateways, and detectors of relations each alone behind its own gate, for a bus with these keys."""

    gateways: dict
    detectors: dict
    keys: np.ndarray

    def alerts(self, frames):
        """By name what each raises."""
        raised = {name: replay(gateway, frames).alerts for name, gateway in self.gateways.items()}
        traffic = traffic_of(frames, self.keys)
        return raised | {name: alerts_of(one, name, traffic) for name, one in self.detectors.items()}


def judge(tables, watching, kind, frames, *, twin=None):
    """Score all that watch on one log."""
    raised = watching.alerts(frames)
    for name, alerts in raised.items():
        tables.add(name, kind, score.tally(frames, alerts, twin_alerts=(twin or {}).get(name)))
    return raised


def simulated(tables, names, *, seeds, clean_s, progress):
    """A model a seed, and what it makes of other drives, clean and lied about."""
    for seed in seeds:
        drive = simulate.drive(SECONDS, seed)
        clean = clean_of(drive, seed)
        detectors = learned(names, clean, progress)
        whole = select(learn([drive])).learned.gateway
        progress(f"canbean: {', '.join(whole.detectors)}")
        gateways = {"canbean": whole, "fingerprint": replace(whole, detectors={})}
        watching = Watching(gateways, detectors, clean.traffic.keys)
        for number in range(max(1, round(clean_s / SECONDS))):
            other = simulate.drive(SECONDS, 1000 + 50 * seed + number)
            judge(tables, watching, "clean drives", other)
        for alone, title in ((False, ""), (True, " or any")):
            liar = Liar(SECONDS, 7000 + seed, alone)
            twin = judge(tables, watching, "twin", liar.clean)
            for kind in KINDS:
                judge(tables, watching, kind + title, liar.attacked(kind)[0], twin=twin)
        injected, _ = attacks.inject(liar.clean, "masquerade", seed=seed, duration_s=5.0)
        judge(tables, watching, "can attack's", injected, twin=twin)
        progress(f"seed {seed} done")


def recorded(tables, names, progress):
    """False alarms on recordings: learned from one part, judged on others."""
    can = RECORDINGS / "can"
    volvo = logs.read(can / "volvo-v40" / "clean.csv.gz").frames
    truck = logs.read(can / "j1939-truck" / "truck-402s.MF4").frames
    trials = [("volvo-v40", volvo.between(None, 75), [volvo.between(75, None)])]
    trials += [
        ("truck", truck.between(*a), [truck.between(*b)])
        for a, b in (((0, 200), (200, None)), ((200, None), (0, 200)))
    ]
    for day in ("oct30", "apr30", "regen"):
        runs = [logs.read(path).frames for path in sorted((can / "formula-student").glob(f"{day}-*.csv.gz"))]
        trials.append((f"formula-student {day}", runs[0], runs[1:]))
    for name, first, others in trials:
        clean = clean_of(first)
        detectors = learned(names, clean, lambda text, name=name: progress(f"{name}: {text}"))
        for frames in others if detectors else []:
            judge(tables, Watching({}, detectors, clean.traffic.keys), name, frames)


@dataclass(frozen=True)
class Unrounded(vae.Real):
    """An autoencoder as it was trained: what its integers cost is what it does better."""

    multiplier: np.ndarray
    shift: np.ndarray


def unrounded(clean):
    """The autoencoder of `vae` before it is quantized, its tails and its gate learned in the same way."""
    taught = lesson(clean, vae.SIGNALS, vae.BACK)
    if taught is None:
        return None
    real = vae.Real(vae.train(taught, vae.STEPS))
    found = calibrated(taught, real, partial(vae.surprises, real))
    if found is None:
        return None
    # With those of the changes, which are not judged.
    scale = [np.tile(one, 2) for one in (found.scale.multiplier, found.scale.shift)]
    return vae.Detector(
        found.gate, taught.signals, taught.features, Unrounded(real.halves, *scale), found.residuals
    )


def learned(names, clean, progress):
    """The detectors that could be learned."""
    found = {}
    for name in names:
        begun = time.process_time()
        detector = unrounded(clean) if name == FLOAT else module(name).learn(clean)
        took = time.process_time() - begun
        if detector is None:
            progress(f"{name}: too little is told")
            continue
        found[name] = detector
        size = "float" if name == FLOAT else f"{len(detector.to_bytes())} bytes"
        progress(f"{name}: {took:.0f} s of CPU, {size}, {detector.gate}")
    return found


def main():
    parser = argparse.ArgumentParser(prog="tools/bench masquerade", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="models, each learned from a drive of its own")
    parser.add_argument("--first", type=int, default=FIRST, help="the first seed")
    parser.add_argument("--clean", type=float, default=1200, help="seconds of unseen clean drives a model")
    parser.add_argument("--detectors", default=",".join(NAMES))
    parser.add_argument("--recordings", action="store_true", help="also false alarms on recordings")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tables, names = Tables(), options.detectors.split(",")
    try:
        neural()
    except UsageError as error:
        sys.exit(f"error: {error}")

    def progress(text):
        print(text, file=sys.stderr, flush=True)

    seeds = range(options.first, options.first + options.seeds)
    simulated(tables, names, seeds=seeds, clean_s=options.clean, progress=progress)
    rows = [{"data": "simulated", **row} for row in tables.rows()]
    if options.recordings and RECORDINGS.is_dir():
        tables = Tables()
        recorded(tables, names, progress)
        rows += [{"data": "recorded", **row} for row in tables.rows()]
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    print(
        f"{'who':12}{'kind':24}{'events':>7}{'recall':>8}{'skill':>7}{'alarmed':>9}{'hours':>7}{'false/h':>9}{'episodes/h':>12}{'unattr.':>9}"
    )
    for row in rows:
        text = [
            f"{row[n]:.2f}" if row[n] is not None else "" for n in ("recall", "skill", "alarmed_fraction")
        ]
        rates = [
            f"{row[n]:.1f}" if row[n] is not None else ""
            for n in ("false_alerts_per_hour", "false_episodes_per_hour")
        ]
        print(
            f"{row['detector']:12}{row['kind']:24}{row['events'] or '':>7}{text[0]:>8}{text[1]:>7}{text[2]:>9}"
            f"{row['clean_hours']:7.2f}{rates[0]:>9}{rates[1]:>12}{row['unattributed_alerts']:9}"
        )


if __name__ == "__main__":
    main()
