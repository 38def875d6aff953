"""`canbean can attack` as a user types it."""

import json

import numpy as np
import pytest

from canbean.can import attacks, database, events, logs, simulate
from canbean.can.signals import decode
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attack")
    logs.write(folder / "clean.csv", simulate.drive(40, 2))
    (folder / "car.dbc").write_text(simulate.dbc_text())
    return folder


def attacked(folder, *words):
    out = folder / "attacked.csv"
    done = canbean("can", "attack", folder / "clean.csv", *words, "-o", out, "--json")
    assert done.code == 0, done.err
    return logs.read(out).frames, json.loads(done.out)


def test_the_kinds_are_listed_a_line_each_and_need_nothing_else():
    done = canbean("can", "attack", "--list")
    assert done.code == 0
    lines = done.out.strip().splitlines()
    assert [line.split()[0] for line in lines] == list(attacks.KINDS)
    assert all(words in line for words, line in zip(attacks.KINDS.values(), lines, strict=True))


@pytest.mark.parametrize("kind", attacks.KINDS)
def test_every_kind_is_a_label(folder, kind):
    frames, said = attacked(folder, "--kind", kind, "--duration", "0.5", "--every", "15")
    assert said["data"] == "simulated"
    if kind == "suspension":
        assert {event.label for event in events.read(said["events_file"])} == {kind}
    else:
        assert frames.labels == ("", kind)
        assert "events_file" not in said
        assert said["events"] >= 3


def test_several_durations_and_rates_are_taken_in_turn(folder):
    frames, said = attacked(
        folder,
        "--kind",
        "fuzz-payload",
        "--id",
        "0C1",
        "--duration",
        "0.5,1",
        "--rate",
        "20,60",
        "--every",
        "10",
    )
    assert said["events"] == 4
    assert (frames.label == 1).sum() == 10 + 20 + 30 + 60


def test_one_signal_of_a_database_is_forged(folder):
    words = ("--kind", "masquerade-constant", "--dbc", folder / "car.dbc", "--signal", "Engine1.Throttle")
    frames, _ = attacked(folder, *words)
    clean = logs.read(folder / "clean.csv").frames
    car = database.load(folder / "car.dbc")
    before, after = (decode(car, log)["Engine1"].signals for log in (clean, frames))
    changed = {name for name in before if not np.array_equal(before[name].raw, after[name].raw)}
    assert changed == {"Throttle", "Engine1Checksum"}
    frames, _ = attacked(folder, *words, "--no-keep-checks")
    after = decode(car, frames)["Engine1"].signals
    assert {name for name in before if not np.array_equal(before[name].raw, after[name].raw)} == {"Throttle"}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--kind", "tickle"), "tickle"),
        (("--kind", "spoof", "--duration", "1,often"), "--duration '1,often'"),
        (("--kind", "spoof", "--rate", "0"), "--rate '0'"),
        (("--kind", "spoof", "--rate", "nan"), "--rate 'nan'"),
        (("--kind", "spoof", "--kind", "fuzz", "--rate", "5"), "single --kind"),
        (("--kind", "spoof", "--signal", "Throttle"), "--dbc and --signal go together"),
        (("--kind", "spoof", "--dbc", "{folder}/car.dbc", "--signal", "Nothing"), "signal 'Nothing'"),
        (("--kind", "replay", "--dbc", "{folder}/car.dbc", "--signal", "Throttle"), "forges no signal"),
        (("--kind", "spoof", "--dbc", "{folder}/clean.csv", "--signal", "Throttle"), "clean.csv"),
        (("--kind", "fuzz-id", "--id", "0C1"), "draws its id"),
    ],
)
def test_what_cannot_be_done_gets_one_line(folder, tmp_path, words, names):
    out = tmp_path / "out.csv"
    words = [word.format(folder=folder) for word in words]
    failed(canbean("can", "attack", folder / "clean.csv", *words, "-o", out), names=names)
    assert not out.exists()


def test_a_database_is_not_written_over(folder):
    before = (folder / "car.dbc").read_bytes()
    words = ("--kind", "spoof", "--dbc", folder / "car.dbc", "--signal", "Throttle", "-o", folder / "car.dbc")
    assert canbean("can", "attack", folder / "clean.csv", *words).code == 1
    assert (folder / "car.dbc").read_bytes() == before
