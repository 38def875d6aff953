"""The maker's page says the same in both languages, adds up, and names pins and commands that are there."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from canbean.cli.main import app
from canbean.roast.enclosure import DISTANCE_MM
from canbean.roast.mqtt import PASSWORD_VARIABLE, QUALITIES

FIRMWARE = Path(__file__).parents[2] / "firmware"
PAGES = {name: (FIRMWARE / name).read_text() for name in ("ROAST.md", "ROAST.zh-TW.md")}
ENGLISH, CHINESE = PAGES.values()


def tables(text):
    """Tables as rows of cells, without the line under the head."""
    found, table = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            found.append([row for row in table if not re.fullmatch("-+", row[0])])
            table = []
    return found


def commands(text):
    """Every command of a page, those in the text too."""
    blocks = [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    inline = re.findall(r"`(canbean [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return blocks + inline


def canbean_commands():
    return sorted({line for text in PAGES.values() for line in commands(text) if line.startswith("canbean ")})


def test_both_pages_have_the_same_shape():
    for kind in (r"^#+ ", r"^\* ", r"^\d+\. ", r"^```$"):
        english, chinese = (len(re.findall(kind, text, re.MULTILINE)) for text in PAGES.values())
        assert english == chinese, kind
    levels = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in PAGES.values()]
    assert levels[0] == levels[1]
    assert [[len(row) for row in table] for table in tables(ENGLISH)] == [
        [len(row) for row in table] for table in tables(CHINESE)
    ]
    assert commands(ENGLISH) == commands(CHINESE)
    # code, numbers with their units, and names stand in both
    for pattern in (r"`[^`\n]+`", r"\d[\d.]* (?:mm|µm|cm|V|%|°C|g)\b", r"NT\$\d+", r"\b[A-Z]{2,}[A-Z\d]*\b"):
        english, chinese = (
            {*re.findall(pattern, re.sub(r"\]\([^)]*\)", "", text), re.ASCII)} for text in PAGES.values()
        )
        assert english == chinese, pattern
    links = [re.findall(r"\]\(([^)#]+)", text) for text in PAGES.values()]
    assert links[0][1:] == links[1][1:]
    for link in [*links[0], *links[1]]:
        assert link.startswith("https://") or (FIRMWARE / link).exists(), link


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_the_parts_cost_at_most_400(text):
    _, *rows, last = tables(text)[0]
    prices = [int(price) for _, price in rows]
    total = int(last[1].strip("*"))
    assert sum(prices) == total <= 400
    # with the cheapest of each other kind of sensor too
    sensor = next(price for (name, _), price in zip(rows, prices, strict=True) if "MAX30102" in name)
    limit, *others = [int(price) for price in re.findall(r"NT\$(\d+)", text)]
    assert (limit, len(others)) == (400, 3)
    assert all(total - sensor + price <= limit for price in (others[0], others[2]))


def test_the_wires_are_those_of_the_boards_files():
    head, *rows = tables(ENGLISH)[1]
    names = ["SCL", "SDA", "LIGHT", "PULSES", "S2", "S3", "BUTTON"]
    for column, file in zip((1, 2, 3), ("wemos_d1_mini", "esp32_devkit", "pico"), strict=True):
        source = (FIRMWARE / "boards" / f"{file}.py").read_text()
        pins = {name: int(pin) for name, pin in re.findall(r"^([A-Z0-9]+) = (\d+)$", source, re.MULTILINE)}
        if "PULSES" not in pins:
            pytest.skip(f"{head[column]}: its file names no pins of a roast meter")
        shown = [re.search(r"GP(?:IO)?(\d+)", row[column])[1] for row in rows[: len(names)]]
        assert [pins[name] for name in names] == [int(pin) for pin in shown], file
    assert tables(CHINESE)[1][1:][0][1:] == rows[0][1:]
    assert [row[1:] for row in tables(CHINESE)[1][1:]] == [row[1:] for row in rows]


def test_every_quality_has_a_row():
    rows = {row[0].strip("`") for row in tables(ENGLISH)[-1]}
    # nobody who reads the page feeds samples
    assert {*QUALITIES} - {"ok", "bad sample"} <= rows


def test_the_distances_are_those_of_the_enclosure():
    for text in PAGES.values():
        for mm in DISTANCE_MM.values():
            assert f"{mm} mm" in text
    readme = (FIRMWARE / "enclosure" / "README.md").read_text()
    assert dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) mm", readme, re.MULTILINE)) == {
        name: str(mm) for name, mm in DISTANCE_MM.items()
    }


@pytest.mark.parametrize("line", canbean_commands())
def test_every_command_is_one(line):
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    path = []
    while hasattr(command, "commands"):
        path.append(words.pop(0))
        assert path[-1] in command.commands, line
        command = command.commands[path[-1]]
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    arguments = 0
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            assert word in options, f"{line}: {word}"
            if not getattr(options[word], "is_flag", False):
                words.pop(0)
        else:
            arguments += 1
    taken = [option for option in command.params if option.param_type_name == "argument"]
    assert (arguments > 0) == bool(taken), line
    # nothing that it needs is left out
    for option in command.params:
        if option.required and option.param_type_name == "option":
            assert {*option.opts} & {*shlex.split(line)}, f"{line}: {option.opts}"


def test_the_rest_of_what_is_typed():
    others = [line for line in commands(ENGLISH) if not line.startswith("canbean ")]
    *install, password = others
    assert install[0].split()[:2] == ["git", "clone"]
    assert install[1:4] == ["cd canbean", "python3 -m venv .venv", "source .venv/bin/activate"]
    # no index has it: from the clone, with what its commands need
    extras = tomllib.loads((FIRMWARE.parent / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = re.fullmatch(r"pip install '\.\[([a-z,]+)\]'", install[4])[1].split(",")
    assert named == ["images", "mqtt"]
    assert set(named) <= set(extras)
    assert password == f"export {PASSWORD_VARIABLE}=..."
    assert "pip install canbean" not in ENGLISH + CHINESE


def test_the_first_screen_of_the_readme_leads_here():
    first = (FIRMWARE.parent / "README.md").read_text()[:2400]
    for page in PAGES:
        assert f"(firmware/{page})" in first
