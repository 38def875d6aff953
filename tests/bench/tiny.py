"""`tools/bench tiny`: ours and the peers' on the same fitted models, under the MicroPython VM of this machine.

Every estimator is fitted on features that are already scaled; all sides get the same numbers, ours as 1/4096 in
int16. `readings` is the time from integer readings on, front end and all. The int8 network is measured as it is: int8
inputs, META, DENS and one golden vector, no front end. The unix VM is not a board: its times compare, they do not carry over.
"""

import argparse
import importlib.util
import json
import platform
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVR

import tiny_peers as peers
from canbean.board import firmware
from canbean.board.virtual import find_vm
from canbean.tiny import cbm, cost, golden
from canbean.tiny.dense import Dense
from canbean.tiny.polynomial import FEATURES_MOST, Polynomial
from fuel_load import autoencoder

NOT_A_BOARD = "the unix VM is not a board"
SIGNATURE = 32
ROWS = 64
# Sides take turns, so that a busy machine slows all of them alike.
ROUNDS = 3
FEATURE = 4096
# As many as a front end reads; with a handful, a call takes longer than the arithmetic on any side.
LINEAR = 60
# The firmware's file and class of each kind, by the tag of its section.
TWINS = {
    "POLY": ("polynomial", "Polynomial"),
    "KNNS": ("neighbours", "Neighbours"),
    "DENS": ("dense", "Dense"),
    "FRST": ("forest", "Forest"),
    "RBFS": ("rbf", "Kernel"),
}

# Under the VM: `predict` takes a fifth of a second of the processor, four times a round, the fastest of all counts. What it leaves
# on the heap has to be collected within that time: the heap is 2 MiB, more than most boards have;
# `heap` is what 1,000 predictions leave with the collector off.
VM_HEAD = """
import gc
import json
import sys
import time
sys.path.insert(0, sys.argv[1])
with open("rows.json") as file:
    rows = json.load(file)

def timed(predict, x):
    predict(x)
    best = 1e9
    count = 1
    for _ in range(4):
        while True:
            start = time.clock()
            for _ in range(count):
                predict(x)
            spent = 1e6 * (time.clock() - start)
            if spent > 200000:
                break
            count *= 2
        best = min(best, spent / count)
    return best

def heap(predict, x, count):
    gc.collect()
    gc.disable()
    predict(x)
    before = gc.mem_alloc()
    for _ in range(count):
        predict(x)
    left = gc.mem_alloc() - before
    gc.enable()
    return left / count

said = {}
"""
VM_OURS = """
from array import array
import canbean.{module} as module
with open("section.bin", "rb") as file:
    section = file.read()
native = getattr(module, "native", None)
kernels = {{"bytecode": None}}
if native is not None:
    kernels["viper"] = native
for name, kernel in kernels.items():
    gc.collect()
    before = gc.mem_alloc()
    board = module.{twin}(section, kernel) if native is not None else module.{twin}(section)
    gc.collect()
    held = gc.mem_alloc() - before
    ask = getattr(board, "run", None) or board.predict
    def answer(x):
        y = ask(x)
        return [y] if isinstance(y, int) else list(y)[: {outputs}]
    answers = [answer(row) for row in rows]
    # as a caller does that is written for it: the features stand where the kernel reads them
    x = getattr(board, "given", None) or array("h", rows[0])
    for i in range(len(rows[0])):
        x[i] = rows[0][i]
    predict = board.predict
    said[name] = {{
        "us": timed(predict, x), "heap": heap(predict, x, 1000), "state": held, "answers": answers,
    }}
sections = {{}}
for tag in {tags}:
    with open(tag + ".section", "rb") as file:
        sections[tag] = file.read()
if "TASK" in sections:
    from canbean.predictor import Predictor
    whole = Predictor(sections)
    said["readings"] = {{"us": timed(whole.predict, whole.given), "heap": heap(whole.predict, whole.given, 1000)}}
print(json.dumps(said))
"""
VM_M2CGEN = """
gc.collect()
before = gc.mem_alloc()
import peer
gc.collect()
held = gc.mem_alloc() - before
x = rows[0]
said["m2cgen"] = {
    "us": timed(peer.score, x), "heap": heap(peer.score, x, 5), "state": held,
    "answers": [peer.score(row) for row in rows],
}
print(json.dumps(said))
"""


@dataclass
class Ours:
    """What the board gets.

    Attributes:
        kind: the host's kind.
        sections: the model's sections without META and GOLD.
        inputs: integer features (n, d) of the rows.
        step: an output stands for `output * step`.
    """

    kind: object
    sections: dict
    inputs: np.ndarray
    step: float

    def answers(self):
        return (
            self.kind.run(self.inputs)
            if hasattr(self.kind, "run")
            else self.kind.predict(self.inputs)[:, None]
        )


def packed(estimator, x, rows):
    """Our integer model of a fitted estimator; else None."""
    if importlib.util.find_spec("canbean.tiny.estimators") is not None:
        from canbean.tiny.estimators import from_sklearn

        predictor = from_sklearn(estimator, x)
        inputs = predictor.features.apply(predictor.features.readings(rows))
        return Ours(predictor.kind, predictor.sections(), inputs, 10.0**predictor.exponent)
    inputs = np.rint(rows * FEATURE).astype(np.int64)
    if isinstance(estimator, Ridge):
        weights, bias = np.atleast_2d(estimator.coef_), np.atleast_1d(estimator.intercept_)
        if x.shape[1] <= FEATURES_MOST:
            kind = Polynomial.from_float(1, float(bias[0]), weights[0], x.shape[1])
        else:
            kind = Dense.from_float([weights], [bias], x)
    elif isinstance(estimator, MLPRegressor):
        kind = Dense.from_float([w.T for w in estimator.coefs_], estimator.intercepts_, x)
    else:
        return None
    return Ours(kind, {kind.tag: kind.to_bytes()}, inputs, 1 / 256)


def model_bytes(ours):
    """Bytes of the model file with one golden vector, unsigned."""
    first = ours.inputs[:1]
    gold = golden.pack([(first[0].astype("<i4").tobytes(), ours.answers()[0].tolist())])
    sections = {"META": cbm.encode_meta({"app": "model"}), **ours.sections, "GOLD": gold}
    return len(cbm.pack(cbm.Model(sections)))


def under_vm(code, rows, folder):
    """What the VM says, as JSON."""
    (folder / "rows.json").write_text(json.dumps(rows.tolist()))
    done = subprocess.run(
        [find_vm(), "-X", "heapsize=2M", "-c", VM_HEAD + code, str(firmware.folder())],
        capture_output=True, text=True, cwd=folder, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode:
        return {"error": (done.stderr or done.stdout).strip().splitlines()[-1]}
    return json.loads(done.stdout)


def bench_ours(ours, folder):
    tag = next(tag for tag in TWINS if tag in ours.sections)
    module, twin = TWINS[tag]
    (folder / "section.bin").write_bytes(ours.sections[tag])
    expected = ours.answers().tolist()
    for name, content in ours.sections.items():
        (folder / f"{name}.section").write_bytes(content)
    code = VM_OURS.format(module=module, twin=twin, outputs=len(expected[0]), tags=list(ours.sections))
    said = under_vm(code, ours.inputs, folder)
    for name in ("bytecode", "viper"):
        if name in said:
            said[name]["mismatches"] = int(np.sum(np.array(said[name].pop("answers")) != np.array(expected)))
    return {**said, "kind": tag, "cbm": model_bytes(ours), "cbm_signed": model_bytes(ours) + SIGNATURE}


def away(predictions, true):
    """Root mean square difference from scikit-learn's own answers, in percent of their spread."""
    return 100 * float(np.sqrt(np.mean((np.ravel(predictions) - true) ** 2)) / np.std(true))


def fastest(rounds):
    """The first round's figures, with the shortest of all rounds' times."""
    first = rounds[0]
    for found in rounds[1:]:
        for path, figures in found.items():
            if isinstance(figures, dict) and "us" in figures and path in first:
                first[path]["us"] = min(first[path]["us"], figures["us"])
    return first


def problem(estimator, x, folder):
    """One estimator on all sides."""
    rows = x[:ROWS]
    true = estimator.predict(rows)
    said = {"estimator": type(estimator).__name__, "features": x.shape[1]}
    ours = packed(estimator, x, rows)
    source, refused = peers.m2cgen_source(estimator)
    if source is not None:
        (folder / "peer.py").write_text(source)
    rounds = [
        (
            bench_ours(ours, folder) if ours is not None else {"refused": "no kind for it in this version"},
            under_vm(VM_M2CGEN, rows, folder) if source is not None else {"refused": refused},
        )
        for _ in range(ROUNDS)
    ]
    said["ours"], found = (fastest(side) for side in zip(*rounds, strict=True))
    if ours is not None:
        said["ours"]["away_percent"] = away(ours.answers() * ours.step, true)
        said["ours"]["board_ms_bytecode_estimate"] = cost.estimated_ms(ours.kind.macs, ours.kind.calls)
    said["m2cgen"] = found = found.get("m2cgen", found)
    if "answers" in found:
        found["away_percent"] = away(found.pop("answers"), true)
    if source is not None:
        found["py"] = len(source.encode())
        found["mpy"] = len(firmware._compile("peer.py", source.encode(), None))
    found = peers.emlearn_model(estimator, rows, folder)
    if "predictions" in found:
        found["away_percent"] = away(found.pop("predictions"), true)
    said["emlearn"] = found
    return said


def estimators():
    """Name, fitted estimator, features (n, d) on the grid of 1/4096."""
    rng = np.random.default_rng(4)

    def features(n, d):
        return np.clip(np.rint(rng.standard_normal((n, d)) * FEATURE), -32767, 32767) / FEATURE

    x = features(500, LINEAR)
    yield "linear", Ridge().fit(x, x @ rng.standard_normal(LINEAR) + rng.standard_normal(500)), x
    x = features(400, 6)
    y = 20 * x[:, 0] - 7 * x[:, 1] ** 2 + 3 * x[:, 0] * x[:, 2] + rng.standard_normal(400)
    yield "SVR", SVR(C=100, epsilon=4).fit(x, y), x
    yield "forest", RandomForestRegressor(10, max_depth=6, random_state=0).fit(x, y), x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "MLP", MLPRegressor(hidden_layer_sizes=(16, 8, 16), max_iter=300, random_state=0).fit(x, y), x


def autoencoder_bench(folder):
    """The int8 network 32-16-8-16-32."""
    kind = autoencoder()
    inputs = np.random.default_rng(6).integers(-128, 128, (ROWS, 32))
    ours = Ours(kind, {kind.tag: kind.to_bytes()}, inputs, 1.0)
    return fastest([bench_ours(ours, folder) for _ in range(ROUNDS)])


def targets(said):
    """Each target, what was reached, and whether that is it: None where a side was not there to be measured."""
    network = said["dense 32-16-8-16-32"]
    rows = [("dense 32-16-8-16-32: signed model file, bytes", network["cbm_signed"], "<=", 2600)]
    ratio = network["bytecode"]["us"] / network["viper"]["us"] if "viper" in network else None
    rows.append((f"dense 32-16-8-16-32: bytecode / viper ({NOT_A_BOARD})", ratio, ">=", 25))
    for name, found in said["problems"].items():
        ours, m2, eml = found["ours"], found["m2cgen"], found["emlearn"]
        sizes = [m2[k] for k in ("py", "mpy") if k in m2] + [eml[k] for k in ("object_bytes",) if eml.get(k)]
        size = ours.get("cbm") if sizes else None
        rows.append(
            (f"{name}: our file, bytes, against the peers' smallest", size, "<=", min(sizes, default=0))
        )
        for path in ("bytecode", "viper"):
            r = ours.get(path, {})
            rows.append((f"{name}: heap a prediction, {path}", r.get("heap"), "<=", 0))
            rows.append((f"{name}: integers that differ, {path}", r.get("mismatches"), "<=", 0))
        if "readings" in ours:
            rows.append((f"{name}: heap from readings on", ours["readings"]["heap"], "<=", 0))
        ratio = m2["us"] / ours["viper"]["us"] if "viper" in ours and "us" in m2 else None
        rows.append((f"{name}: m2cgen's Python / our viper ({NOT_A_BOARD})", ratio, ">=", 20))
    met = {
        "<=": lambda reached, limit: bool(reached <= limit),
        ">=": lambda reached, limit: bool(reached >= limit),
    }
    return [
        {"what": what, "reached": reached, "target": f"{sign} {limit}",
         "met": None if reached is None else met[sign](reached, limit)}
        for what, reached, sign, limit in rows
    ]  # fmt: skip


def kernel_bytes():
    """Bytes of .mpy of each file of native code, by processor."""
    found = {}
    for path in sorted((firmware.folder() / "canbean").glob("*_viper.py")):
        found[path.stem] = {
            a: len(firmware._compile(f"canbean/{path.name}", path.read_bytes(), a))
            for a in ("xtensa", "xtensawin", "armv6m", "armv7emsp", "x64")
        }
    return found


def show(said):
    print(f"{said['vm']}; {NOT_A_BOARD}")
    print(
        "\nmicroseconds, heap bytes a prediction, bytes of file, RMS distance from scikit-learn in % of the spread\n"
    )
    for name, found in said["problems"].items():
        print(f"{name} ({found['estimator']}, {found['features']} features)")
        ours, m2, eml = found["ours"], found["m2cgen"], found["emlearn"]
        for path in ("bytecode", "viper"):
            if path in ours:
                r = ours[path]
                print(
                    f"  canbean {path:9} {r['us']:9.2f} us  heap {r['heap']:8.0f}  "
                    f".cbm {ours['cbm']} ({ours['cbm_signed']} signed)  {ours['away_percent']:.2f} %"
                )
        if "readings" in ours:
            r = ours["readings"]
            print(f"  canbean, readings {r['us']:9.2f} us  heap {r['heap']:8.0f}")
        if "refused" in ours or "error" in ours:
            print(f"  canbean   {ours.get('refused') or ours['error']}")
        if "us" in m2:
            print(
                f"  m2cgen            {m2['us']:9.2f} us  heap {m2['heap']:8.0f}  "
                f".py {m2['py']}, .mpy {m2['mpy']}  {m2['away_percent']:.2f} %"
            )
        else:
            print(f"  m2cgen    {m2.get('refused') or m2.get('error')}")
        if "refused" in eml:
            print(f"  emlearn   {eml['refused']}")
        else:
            print(
                f"  emlearn (C)       object {eml['object_bytes']}, source {eml['source_bytes']}  {eml['away_percent']:.2f} %"
            )
    network = said["dense 32-16-8-16-32"]
    for path in ("bytecode", "viper"):
        if path in network:
            r = network[path]
            print(f"dense 32-16-8-16-32, {path}: {r['us']:.2f} us, heap {r['heap']:.0f} ({NOT_A_BOARD})")
    print("\nnative code, bytes of .mpy:")
    for name, sizes in said["native_mpy"].items():
        print(f"  {name}: " + ", ".join(f"{a} {n}" for a, n in sizes.items()))
    print("\ntargets:")
    for row in said["targets"]:
        mark = {True: "met   ", False: "MISSED", None: "?     "}[row["met"]]
        reached = "not measured" if row["reached"] is None else f"{row['reached']:.4g}"
        print(f"  {mark} {row['what']}: {reached} (target {row['target']})")


def main():
    parser = argparse.ArgumentParser(prog="tools/bench tiny", description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    said = {
        "vm": f"MicroPython's unix port on {platform.machine()}",
        "note": NOT_A_BOARD,
        "data": "simulated",
    }
    said["problems"] = {}
    for name, estimator, x in estimators():
        with tempfile.TemporaryDirectory() as folder:
            said["problems"][name] = problem(estimator, x, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        said["dense 32-16-8-16-32"] = autoencoder_bench(Path(folder))
    said["native_mpy"] = kernel_bytes()
    said["targets"] = targets(said)
    if options.json:
        print(json.dumps(said))
    else:
        show(said)


if __name__ == "__main__":
    main()
