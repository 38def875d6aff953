"""The peers of `tools/bench tiny`: what m2cgen and emlearn make of a fitted scikit-learn estimator.

Both are for benches only (`pip install 'canbean[bench]'`); where one is missing, or refuses an estimator, the answer says so.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np

MISSING = "not installed: pip install 'canbean[bench]'"


def m2cgen_source(estimator) -> tuple[str | None, str]:
    """The pure Python that m2cgen generates; else None, and why."""
    try:
        import m2cgen
    except ImportError:
        return None, MISSING
    try:
        return m2cgen.export_to_python(estimator), ""
    except NotImplementedError as error:
        return None, f"m2cgen: {error}"


def emlearn_model(estimator, x, folder: Path) -> dict[str, object]:
    """Accuracy and size of emlearn's C: its predictions through its own wrapper, its object file with `gcc -Os`.

    Returns:
        `predictions` (n,), `source_bytes` of the generated header and `object_bytes` of code and constants on this
        machine, its runtime included; or `refused`, and why.
    """
    if shutil.which("gcc") is None:
        return {"refused": "emlearn needs a C compiler (gcc), which is not here"}
    try:
        import emlearn
    except ImportError:
        return {"refused": MISSING}
    neural = "MLP" in type(estimator).__name__
    options = {"method": "loadable"} if neural else {"method": "inline", "dtype": "float"}
    before = Path.cwd()
    os.chdir(folder)  # it leaves its build there
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            converted = emlearn.convert(estimator, return_type="regressor", **options)
            predictions = np.asarray(converted.predict(x), np.float64).ravel()
            converted.save(name="peer", file=str(folder / "peer.h"))
    except Exception as error:  # whatever it raises, the bench goes on and says it
        return {
            "refused": f"emlearn: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        }
    finally:
        os.chdir(before)
    return {
        "predictions": predictions,
        "source_bytes": (folder / "peer.h").stat().st_size,
        "object_bytes": _object_bytes(folder, emlearn.includedir),
    }


def _object_bytes(folder: Path, include: str) -> int | None:
    """Bytes of code and data of the generated header, everything in it that the model's name begins kept."""
    header = (folder / "peer.h").read_text()
    names = sorted(
        set(
            re.findall(
                r"^\s*(?:static\s+inline\s+)?\w+\s*\n?\s*(peer_(?:predict|regress)\w*)\(",
                header,
                re.MULTILINE,
            )
        )
    )
    keep = "\n".join(f"void *keep_{name} = (void *){name};" for name in names)
    (folder / "peer.c").write_text(f'#include <stdint.h>\n#include <math.h>\n#include "peer.h"\n{keep}\n')
    command = ["gcc", "-Os", "-w", "-ffunction-sections", f"-I{include}", "-c", "peer.c", "-o", "peer.o"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if built.returncode or not names:
        return None
    said = subprocess.run(["size", "peer.o"], cwd=folder, capture_output=True, text=True, check=False)
    numbers = said.stdout.splitlines()[1].split() if said.returncode == 0 else []
    return int(numbers[0]) + int(numbers[1]) if numbers else None
