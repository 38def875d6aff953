"""The firmware as files: what a board gets, and that all of it compiles."""

import re
import tomllib

import pytest

from board_cost_cases import gateway
from canbean.board import firmware, profiles
from canbean.detect import model
from canbean.errors import BoardError
from canbean.tiny import cbm

BOARDS = [profiles.profile(name) for name in profiles.names()]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
@pytest.mark.parametrize("app", ["gateway", "model", "roastmeter"])
def test_all_of_it_compiles_for_every_board(tmp_path, board, app):
    firmware.build(tmp_path, app, board.module, architecture=board.architecture)
    made = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert {
        f"apps/{app}.mpy",
        f"boards/{board.module}.mpy",
        "canbean/link.mpy",
        "drivers/feed.mpy",
        "main.py",
    } <= set(made)
    assert not [name for name in made if name.endswith(".py") and name != "main.py"]
    for path in tmp_path.rglob("*.mpy"):
        assert path.read_bytes()[:2] == b"M\x06"
        # nothing of the machine that built it
        assert str(tmp_path).encode() not in path.read_bytes()


def test_sources_as_they_are(tmp_path):
    firmware.build(tmp_path, "gateway", "linux", compiled=False)
    source = firmware.folder()
    assert (tmp_path / "canbean" / "link.py").read_bytes() == (source / "canbean" / "link.py").read_bytes()
    assert not list(tmp_path.rglob("*.mpy"))


def test_what_does_not_compile_is_named(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    for name in ("apps", "boards", "canbean", "drivers"):
        (tree / name).mkdir(parents=True)
    (tree / "apps" / "gateway.py").write_text("def main(board:\n")
    (tree / "apps" / "console.py").write_text("")
    (tree / "boards" / "linux.py").write_text("")
    monkeypatch.setattr(firmware, "folder", lambda: tree)
    with pytest.raises(BoardError, match=r"apps/gateway\.py: mpy-cross refuses it: SyntaxError"):
        firmware.build(tmp_path, "gateway", "linux")


def test_an_mpy_cross_of_another_version(tmp_path, monkeypatch):
    monkeypatch.setattr(firmware, "MPY_VERSION", 7)
    firmware._compile.cache_clear()
    with pytest.raises(BoardError, match=r"mpy-cross writes .mpy version 6, boards read 7"):
        firmware.build(tmp_path, "gateway", "linux")


def test_the_firmware_is_imported_under_a_name_of_its_own():
    import canbean

    lines = firmware.module("lines")
    assert lines.__name__ == "canbean_firmware.lines"
    assert firmware.module("lines") is lines
    assert not hasattr(canbean, "lines")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_profile_and_firmware_agree(board):
    source = (firmware.folder() / "boards" / f"{board.module}.py").read_text()
    assert re.search(r"^WINDOW = (\d+)$", source, re.MULTILINE)[1] == str(board.window)
    assert re.search(r'^NAME = "(.*)"$', source, re.MULTILINE)[1] == board.name
    # a window of full packets fits what receives them
    ring = re.search(r"rxbuf=(\d+)", source)
    if ring:
        assert board.window * 26 < int(ring[1])


GOOD = (profiles.FOLDER / "linux.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("window = 120", "window = 128", "window: must be between 2 and 127"),
        ("window = 120", 'window = "120"', "window: must be a whole number"),
        ("window = 120", "window = true", "window: must be a whole number"),
        ("window = 120", "", "window: this field is missing"),
        ("window = 120", "window = 120\nwidth = 1", "width: no such field"),
        ('name = "linux"', 'name = "lynx"', "name: must be linux"),
        ('"unknown"', '"guessed"', "frames_per_second_is: must be one of measured, estimated, unknown"),
        ("baud = 115200", "baud = ", "not a TOML file"),
        ("native = true", "native = 1", "native: must be true or false"),
        ("usb_ids = []", "usb_ids = [1]", "usb_ids: must be a list of texts"),
        (
            "usb_ids = []",
            'usb_ids = ["1a86:7523"]',
            "usb_ids: '1a86:7523' must be two times four hexadecimal digits",
        ),
        ("[pins]", "[pins]\nsck = 1.5", "pins: must be a table of whole numbers"),
        ('"none"', '"dfu"', "loader: must be one of esp8266, esp32, rp2040, none"),
        ('"none"', '"esp32"', "usb_ids: a board that takes an image has some"),
    ],
)
def test_a_profile_with_a_fault_names_the_field(tmp_path, old, new, words):
    assert old in GOOD
    path = tmp_path / "linux.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BoardError, match=words) as caught:
        profiles.read(path)
    assert str(path) in str(caught.value)
    path.write_text(GOOD)
    assert profiles.read(path).module == tomllib.loads(GOOD)["module"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cs = 5", "chip_select = 5", "pins: must be sck, si, so, cs, int"),
        ("files = 0x100000", "files = 0x400000", "flash_map: must say where image and files begin"),
        ('images = ["ESP8266_GENERIC"]', "images = []", "images: a board that takes an image has some"),
    ],
)
def test_a_board_that_is_flashed_says_how(tmp_path, old, new, words):
    text = (profiles.FOLDER / "wemos-d1-mini.toml").read_text()
    assert old in text
    path = tmp_path / "wemos-d1-mini.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BoardError, match=words):
        profiles.read(path)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_profile_and_wiring_agree(board):
    """The pins of the profile are those of the board's file and of the table that people wire by."""
    source = (firmware.folder() / "boards" / f"{board.module}.py").read_text()
    stated = dict(re.findall(r"^(SCK|SI|SO|CS|INT) = (\d+)$", source, re.MULTILINE))
    assert {name.lower(): int(pin) for name, pin in stated.items()}.items() <= board.pins.items()
    if not board.pins:
        return
    head, *rows = re.findall(r"^\| (.*) \|$", (firmware.folder() / "README.md").read_text(), re.MULTILINE)
    rows = [row.split(" | ") for row in (head, *rows)]
    table = next(i for i, row in enumerate(rows) if row[0] == "MCP2515")
    titles = {"wemos-d1-mini": "Wemos D1 mini", "esp32-devkit": "ESP32 devkit", "pico": "Raspberry Pi Pico"}
    column = rows[table].index(titles[board.name])
    wired = {row[0].split()[0].lower(): row[column] for row in rows[table + 1 : table + 7]}
    assert {name: int(re.search(r"GPI?O?(\d+)", wired[name])[1]) for name in board.pins} == board.pins


def test_no_such_board():
    with pytest.raises(
        BoardError, match="toaster: no such board; there are esp32-devkit, linux, pico, wemos-d1-mini"
    ):
        profiles.profile("toaster")


def car(**more):
    sections = model.sections(gateway(**{"ids": 50, **more}))
    return cbm.Model({"META": cbm.encode_meta({"app": "gateway", "name": "car"}), **sections})


def test_a_model_that_does_not_fit_its_board_is_refused(tmp_path):
    large = car(sequence=True, mixture=True, clock=True)
    with pytest.raises(
        BoardError, match=r"^car: does not fit: .* wemos-d1-mini has 24,576 .* leave out"
    ) as failed:
        firmware.build(tmp_path, "gateway", "wemos_d1_mini", model=large)
    assert "\n" not in str(failed.value)
    assert not list(tmp_path.iterdir())
    with pytest.raises(BoardError, match="pico: no official image"):
        firmware.build(tmp_path, "gateway", "pico", model=large, romfs=True)
    assert not list(tmp_path.iterdir())


def test_it_is_taken_in_romfs_on_other_boards_and_where_nobody_asks(tmp_path):
    large = car(sequence=True, mixture=True)
    for at, (board, words) in enumerate(
        (
            ("wemos_d1_mini", {"romfs": True}),
            ("pico", {}),
            ("linux", {}),
            ("wemos_d1_mini", {"refuse": False}),
        )
    ):
        folder = tmp_path / str(at)
        folder.mkdir()
        firmware.build(folder, "gateway", board, model=large, **words)
        assert (folder / "canbean" / "__init__.mpy").exists()


def test_a_model_that_is_damaged_is_for_the_board_to_refuse(tmp_path):
    firmware.build(tmp_path, "gateway", "wemos_d1_mini", model=cbm.Model({"FPRN": b"\0" * 6}))
    assert (tmp_path / "main.py").exists()
