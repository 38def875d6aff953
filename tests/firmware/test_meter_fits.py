"""What a roast meter makes of a model of another sensor, of counts, and of settings of its light; on the VM, with chips on its pins."""

import json

import pytest

from canbean.tiny import cbm
from conftest import FIRMWARE, ROOT
from roastmeter_cases import KIT, model

RED = ["red", "infrared", "temperature"]
SENSORS = {"max3010x": "MAX3010x", "tcs34725": "TCS34725", "tcs3200": "TCS3200"}
HEAD = "import json\nfrom meter_app_vm import On\n"


@pytest.fixture
def run(vm, tmp_path):
    """Runs code on the VM beside model files: `m.cbm` with the channels that it names, `counts.cbm` of raw counts."""

    def at(code, names=RED, **more):
        decimals = (3, 3, 2)
        about = (
            {} if names is None else {"channels": [list(one) for one in zip(names, decimals, strict=False)]}
        )
        for path, one in (("m.cbm", model()), ("counts.cbm", model(calibrated=False, shown=None))):
            meta = cbm.encode_meta({"app": "roastmeter", "name": "test", **about, **more})
            cbm.write(tmp_path / path, cbm.Model({**one.sections, "META": meta}))
        said = vm.run(HEAD + code, path=(FIRMWARE, ROOT / "tests"), cwd=tmp_path, heap="4M")
        return [json.loads(line) for line in said.splitlines()]

    return at


STARTED = """
meter = On({sensor!r}, "m.cbm")
print(json.dumps([meter.console.refused, bool(meter.console.model)]))
meter.command("read")
print(json.dumps(meter.lines()[-1]))
"""


@pytest.mark.parametrize(
    ("sensor", "names", "reads", "gives"),
    [
        (
            "max3010x",
            ["red", "green", "blue", "clear"],
            "red, green, blue, clear",
            "red, infrared, temperature",
        ),
        (
            "max3010x",
            ["infrared", "red", "temperature"],
            "infrared, red, temperature",
            "red, infrared, temperature",
        ),
        ("tcs34725", RED, "red, infrared, temperature", "red, green, blue, clear"),
        ("tcs3200", RED, "red, infrared, temperature", "red, green, blue, clear"),
        # without the temperature in its place it would be given something else
        ("max3010x", ["red", "temperature"], "red, temperature", "red, infrared, temperature"),
    ],
)
def test_a_model_of_another_sensor_is_refused_in_one_line(run, sensor, names, reads, gives):
    decimals = {"channels": [[name, 3] for name in names]}
    started, said = run(STARTED.format(sensor=sensor), None, **decimals)
    why = f"this model reads {reads}; the {SENSORS[sensor]} here gives {gives}"
    assert started == [why, False]
    assert (said["type"], said["reason"]) == ("error", why)


@pytest.mark.parametrize(
    "names", [RED, None, ["left", "right", "temperature"], ["red", "near", "temperature"]]
)
def test_its_own_an_older_one_and_names_that_no_sensor_has_run(run, names):
    started, said = run(STARTED.format(sensor="max3010x"), names)
    assert started == [None, True]
    assert said["type"] == "reading"


def test_a_name_elsewhere_in_meta_is_no_channel(run):
    started, _ = run(STARTED.format(sensor="max3010x"), None, name='"channels":[["green",3]]')
    assert started == [None, True]


def test_a_calibration_is_not_used_for_a_model_of_counts_and_that_is_said(run):
    code = f"""
for path, settings in (("counts.cbm", ["calibration {KIT.words()}"]), ("counts.cbm", None), ("m.cbm", None)):
    meter = On("max3010x", path, settings)
    print(json.dumps([meter.console.refused, meter.reading()[1]]))
"""
    used, plain, other = run(code)
    assert used[0] == "this model reads counts: the unit's calibration is not used"
    assert plain[0] is other[0] is None
    for _, said in (used, plain):
        assert (said["quality"], said["stale"]) == ("ok", None)
        assert said["raw"] == said["counts"]
    assert used[1]["value"] == plain[1]["value"]
    # and a model of reflectances gives no number without a calibration
    assert (other[1]["quality"], other[1]["value"]) == ("not calibrated", None)


def test_swapped_leds_and_their_current_reach_the_chip(run):
    code = """
for settings in (None, ["swap 1"], ["led 50"]):
    meter = On("max3010x", "counts.cbm", settings)
    print(json.dumps([meter.console.refused, meter.reading()[1]["counts"], list(meter.sensor().r[12:14])]))
"""
    plain, swapped, dim = run(code)
    assert plain[0] is swapped[0] is dim[0] is None
    assert swapped[1] == pytest.approx(plain[1][::-1], rel=0.01)
    assert plain[1] != swapped[1]
    assert (plain[2], dim[2]) == ([100, 100], [50, 50])
    assert dim[1] == pytest.approx([n / 2 for n in plain[1]], rel=0.05)


def test_another_light_is_within_its_bounds_and_takes_the_calibration_away(run):
    code = f"""
def say(meter):
    print(json.dumps(meter.lines()))
meter = On("max3010x", "m.cbm", [])
meter.command("set calibration {KIT.words()}")
meter.command("set led 100")
meter.lines()
print(json.dumps([meter.reading()[1]["quality"], meter.app.sensor.led]))
meter.command("set calibration {KIT.words()}")
meter.lines()
print(json.dumps([meter.reading()[1]["quality"] != "not calibrated", meter.app.sensor.led]))
for words in ("set led 0", "set led 256", "set led x", "set threshold 3", "set led 100"):
    meter.command(words)
    say(meter)
meter.command("settings")
say(meter)
meter.command("unset led")
meter.lines()
print(json.dumps([meter.reading()[1]["quality"], meter.app.sensor.led]))
other = On("max3010x", "m.cbm", ["led 0", "calibration {KIT.words()}"])
print(json.dumps([other.console.refused, other.reading()[1]["quality"]]))
other = On("tcs34725", "counts.cbm", ["led 4"])
print(json.dumps(other.console.refused))
"""
    changed, calibrated, none, much, word, threshold, same, now, unset, off, gain = run(code, None)
    # whether it is said at all, as it says it where there is no calibration
    assert changed == ["not calibrated", 100]
    assert calibrated == [True, 100]
    assert none[0]["reason"] == "led: 1 to 255 for this sensor"
    assert much[0]["reason"] == "led: 0 to 255"
    assert word[0]["type"] == "error"
    assert threshold[0]["reason"] == "not a setting of this application: threshold 3"
    assert (same[0]["type"], same[0]["count"]) == ("settings", 2)
    assert [(one["name"], one["used"]) for one in now[:-1]] == [("calibration", True), ("led", True)]
    assert unset == ["not calibrated", 100]
    # what cannot be set leaves the chip's own light, and the calibration is not of that
    assert off == ["settings: led: 1 to 255 for this sensor", "not calibrated"]
    assert gain == "settings: led: 0 to 3 for this sensor"


def test_settings_of_another_application_stay_are_not_used_and_are_marked(run):
    code = """
from commands import overlay, set as setting, unset

overlay.write(["threshold 3", "deny 2C5"])
meter = On("max3010x", "m.cbm", overlay.read()[1])
for words in ("set stream 100", "set listen 1", "unset deny", "settings"):
    meter.command(words)
    print(json.dumps(meter.lines()))

class Console:
    app = "gateway"
    class board:
        settings = overlay.read()[1]
        slot = "model.cbm"
    class lines:
        def send(kind, pairs):
            print(json.dumps([kind, dict(pairs).get("name"), dict(pairs).get("used")]))
class Gateway:
    console = Console
Console.board.settings = ["stream 100", "threshold 3"]
overlay.write(Console.board.settings)
setting.run(Gateway, ["threshold", "4"])
try:
    setting.run(Gateway, ["led", "4"])
except ValueError as error:
    print(json.dumps(str(error)))
from commands import settings
settings.run(Gateway, ())
unset.run(Gateway, ["stream"])
"""
    streamed, listen, unset, told, *gateway = run(code)
    assert (streamed[0]["type"], streamed[0]["count"]) == ("settings", 3)
    assert listen[0]["reason"] == "not a setting of this application: listen 1"
    assert unset[0]["count"] == 2
    assert [(one["name"], one["used"]) for one in told[:-1]] == [("threshold", False), ("stream", True)]
    assert gateway == [
        ["settings", None, None],
        "not a setting of this application: led 4",
        ["setting", "stream", False],
        ["setting", "threshold", True],
        ["settings", None, None],
        ["settings", None, None],
    ]
