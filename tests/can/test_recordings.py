"""Every recording reads, and what `can info` says of it stays as it is.

`python tests/can/test_recordings.py` writes tests/golden/recordings.json anew: look at what changed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from canbean.can.info import info
from canbean.can.logs import read

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "can"
GOLDEN = ROOT / "tests" / "golden" / "recordings.json"
KNOWN = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
NOT_LOGS = {".dbc", ".md"}


def said(path):
    """What info says of a recording, without the table."""
    told = info(read(path))
    kept = ("format", "frames", "span_s", "ids", "bus_names", "labels", "skipped", "warnings")
    return {key: told[key] for key in kept}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_info_says_of_a_recording(recordings, name):
    path = recordings / "can" / name
    if not path.exists():
        pytest.skip(f"no recording {name}")
    if path.suffix.lower() == ".mf4":
        pytest.importorskip("asammdf")
    assert said(path) == KNOWN[name]


def test_recordings_that_were_added_read_too(recordings):
    folder = recordings / "can"
    for path in sorted(folder.rglob("*.*")):
        if path.is_file() and path.suffix not in NOT_LOGS and str(path.relative_to(folder)) not in KNOWN:
            assert len(read(path).frames)


if __name__ == "__main__":
    paths = sorted(p for p in FOLDER.rglob("*.*") if p.is_file() and p.suffix not in NOT_LOGS)
    table = {str(path.relative_to(FOLDER)): said(path) for path in paths}
    GOLDEN.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
