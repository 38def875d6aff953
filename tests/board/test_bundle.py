"""The firmware joined and shortened: it says what its sources say, on CPython and on the VM."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from board_cost_cases import gateway
from canbean.board import firmware, packets
from canbean.board.bundle import bundle
from canbean.board.needs import files
from canbean.board.reach import Part
from canbean.can import logs
from canbean.detect import model
from canbean.errors import BoardError
from canbean.tiny import cbm
from gateway_ledger import MPY_BYTES, MPY_BYTES_OF_ALL, resident

GOLDEN = Path(__file__).parents[1] / "golden"
REPLAY = """
import sys
sys.path.insert(0, {folder!r})

class Board:
    NAME = "memory"
    WINDOW = 120
    CHUNK = 256
    written = []
    def watchdog(self):
        return None
    def open_bus(self):
        return None
    def heap_free(self):
        return None
    def ticks_ms(self):
        return 0
    def open_serial(self):
        def wait(ms):
            raise EOFError
        return wait, open("feed.bin", "rb").readinto, lambda data: Board.written.append(bytes(data))

from commands.boot import start
board = Board()
start(board)
from apps import gateway
gateway.main(board)
print(str(b"".join(Board.written), "ascii"))
"""


@pytest.fixture(scope="module")
def golden():
    return cbm.read(GOLDEN / "gateway.cbm")


def replayed(run, folder):
    """The alerts that a gateway in `folder` writes for the golden log."""
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames
    base = int(frames.t_us[0]) // 1_000_000
    (folder / "model.cbm").write_bytes((GOLDEN / "gateway.cbm").read_bytes())
    feed = b"\n" + packets.start(1, base) + packets.encode(frames, base_s=base).blob
    (folder / "feed.bin").write_bytes(feed)
    said = run(REPLAY.format(folder=str(folder))).encode().splitlines()
    alerts = [line for line in said if line.startswith(b'{"type":"alert"')]
    return [re.sub(rb'"boot":"\w+","seq":\d+,|,"crc":"\w+"', b"", line) for line in alerts]


def test_the_bundle_raises_the_golden_alerts_on_cpython(tmp_path, golden):
    firmware.build(tmp_path, "gateway", "linux", compiled=False, model=golden)

    def run(code):
        # without what is installed: this package has the name that the firmware's has
        command = [sys.executable, "-I", "-S", "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    assert replayed(run, tmp_path) == (GOLDEN / "alerts.jsonl").read_bytes().splitlines()


@pytest.mark.parametrize("architecture", [None, "x64"])
def test_the_bundle_raises_the_golden_alerts_on_the_vm(tmp_path, golden, vm, architecture):
    firmware.build(tmp_path, "gateway", "linux", architecture=architecture, model=golden)
    alerts = replayed(lambda code: vm.run(code, cwd=tmp_path, path=()), tmp_path)
    assert alerts == (GOLDEN / "alerts.jsonl").read_bytes().splitlines()


def contents():
    """The gateway's files."""
    folder = firmware.folder()
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path.read_bytes()
        for path in folder.rglob("*.py")
    }
    away = {name for name in found if name.startswith("apps/") and name != "apps/gateway"}
    return {name: text for name, text in found.items() if name not in away}


DETERMINISTIC = """
import hashlib, sys
sys.path[:0] = [{host!r}, {tests!r}]
from board.test_bundle import contents
from canbean.board.bundle import bundle
made = bundle(contents(), ["apps/gateway"], ["canbean/order"], ["canbean/rules"])
print(hashlib.sha256(repr(sorted(made.files.items())).encode() + made.texts).hexdigest())
"""


def test_the_same_sources_give_the_same_bundle():
    root = Path(__file__).parents[2]
    code = DETERMINISTIC.format(host=str(root / "host"), tests=str(root / "tests"))
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


LEAVES = """
import gc, sys
sys.path.insert(0, ".")

class Board:
    NAME = "memory"
    WINDOW = 120
    CHUNK = 256
    def open_bus(self):
        return None
    def ticks_ms(self):
        return 0
    def open_serial(self):
        return None, None, None

import canbean
load = canbean.{load}
board = Board()
load("commands/boot").start(board)
load(None)
app = board

def step(name, function):
    global app
    part = load(name)
    app = getattr(part, function)(app)
    gc.collect()
    before = gc.mem_alloc()
    part.leave()
    part = None
    gc.collect()
    return before - gc.mem_alloc()

print(step("canbean/boot", "start"), step("canbean/rest", "start"))
"""


def test_what_runs_once_leaves_the_heap(tmp_path, golden, vm):
    firmware.build(tmp_path, "gateway", "linux", model=golden)
    (tmp_path / "model.cbm").write_bytes((GOLDEN / "gateway.cbm").read_bytes())
    load = (tmp_path / "main.py").read_text().split("load = canbean.")[1].split()[0]
    left = vm.run(LEAVES.format(load=load), cwd=tmp_path, path=()).split()
    for name, taken in zip(("boot", "rest"), left, strict=True):
        assert int(taken) > (tmp_path / "canbean" / f"{name}.mpy").stat().st_size / 2


ALL = ("FPRN", "CHKS", "RULE", "CLCK", "LSTW", "ORDR", "VAEW", "WNDW")


def test_gateways_of_the_smallest_board_are_small(tmp_path):
    for sequence in (False, True):
        sections = model.sections(gateway(50, sequence=sequence))
        of = cbm.Model({"META": cbm.encode_meta({"app": "gateway"}), **sections})
        folder = tmp_path / str(sequence)
        folder.mkdir()
        firmware.build(folder, "gateway", "wemos_d1_mini", model=of, refuse=False)
        assert sum(resident(folder).values()) <= MPY_BYTES
    everything = tmp_path / "all"
    everything.mkdir()
    firmware.build(everything, "gateway", "wemos_d1_mini", model=cbm.Model(dict.fromkeys(ALL, b"\0" * 6)))
    assert 15_000 < sum(resident(everything).values()) <= MPY_BYTES_OF_ALL


def test_files_that_a_model_does_not_need_wait():
    found = contents()
    sections = {**model.sections(gateway(5, rules=1, sequence=True)), "META": b"{}"}
    needs = files(found, "apps/gateway", "boards/linux", sections)
    made = bundle(found, needs.start, needs.named, needs.apart)
    assert {"canbean/order", "canbean/gates"} <= set(made.loaded)
    assert {"canbean/checks", "canbean/rules", "canbean/windows", "canbean/novelty"} <= set(made.files)
    needs = files(found, "apps/gateway", "boards/linux", {"META": b"{}", **model.sections(gateway(5))})
    assert {"canbean/gates", "canbean/rules", "canbean/order"} <= set(needs.apart)


# Small firmwares

APP = """
from canbean.parts import LIMIT, Part, unused, used


class App:
    def __init__(self, board):
        self.board = board
        self.part = Part(LIMIT)
        self.part.threshold = 5

    def run(self):
        return used(self.part, self.board.NAME)


def start(board):
    return App(board)
"""
PARTS = """
_MORE = const(3)
LIMIT = 40


class Part:
    def __init__(self, size):
        self.size = size

    def grown(self, by):
        self.size += by
        return self.size + _MORE

    def idle_hands(self):
        return None


def used(part, name):
    if part.size < 0:
        raise ValueError("a part with a size below nothing")
    return "%s %d %d" % (name, part.grown(2), part.threshold)


def unused():
    return 1
"""


RUNS = """from canbean import boot
from boards import here
app = boot.start(here)
boot.leave()
print(app.run())
"""


def small(app=APP, parts=PARTS, seldom=(), starting=(), apart=(), **more):
    found = {
        "canbean/__init__": b"def const(value):\n    return value\n",
        "canbean/parts": b"from . import const\n" + parts.encode(),
        "apps/app": app.encode(),
        "boards/here": b'NAME = "here"\n',
        **{name: text.encode() for name, text in more.items()},
    }
    return bundle(found, ["apps/app"], [], apart, seldom, starting=starting)


def run(made, folder, code=RUNS):
    for name, text in made.files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(firmware.CONST + text)
    (folder / "texts").write_bytes(made.texts)
    script = f"import sys\nsys.path.insert(0, {str(folder)!r})\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, cwd=folder, check=False
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_small_bundle_runs(tmp_path):
    assert run(small(), tmp_path) == "here 45 5"


IMPORTING = APP.replace("class App", "from boards.here import NAME\n\n\nclass App").replace(
    "self.board.NAME", "NAME"
)


@pytest.mark.parametrize(
    ("board", "app"),
    [
        ("from time import strftime as NAME", APP),
        ("from time import strftime as NAME\n\n\ndef other():\n    return NAME", APP),
        ("from time import strftime as NAME", IMPORTING),
        ("from drivers.extra import NAME", APP),
        ("from drivers.extra import NAME", IMPORTING),
        ("from drivers.extra import word as NAME", APP),
        ("from drivers.extra import word as NAME", IMPORTING),
        ("from canbean.parts import told as NAME", APP),
    ],
)
def test_what_a_board_s_file_imports_for_others_stays(tmp_path, board, app):
    """Asked for as an attribute of the board, also where a class of ours has one of that name, or imported from it."""
    parts = PARTS.replace("% (name,", "% (said(name),")
    parts += "\n\nclass Other:\n    def __init__(self):\n        self.NAME = 1\n"
    parts += "\n\ndef told(_):\n    return 'extra'\n"
    parts += "\n\ndef said(name):\n    return name if isinstance(name, str) else name('extra')\n"
    extra = 'NAME = "extra"\n\n\ndef word(_):\n    return "extra"\n'
    made = small(app, parts, apart=["boards/here"], **{"boards/here": board + "\n", "drivers/extra": extra})
    assert run(made, tmp_path) == "extra 45 5"


def test_what_another_file_imports_for_others_is_refused():
    app = APP.replace(
        "from canbean.parts import", "from drivers.extra import strftime\nfrom canbean.parts import"
    )
    with pytest.raises(
        BoardError, match=r"apps/app\.py: strftime is none of drivers/extra\.py's own: import it from"
    ):
        small(app.replace("used(self", "strftime(self"), **{"drivers/extra": "from time import strftime\n"})


def test_names_are_short_and_what_nobody_calls_is_gone():
    made = small()
    text = made.files["canbean/__init__"] + made.files["canbean/boot"]
    for name in (
        "grown",
        "size",
        "threshold",
        "Part",
        "unused",
        "idle_hands",
        "LIMIT",
        "import canbean.parts",
    ):
        assert name not in text
    assert "NAME" in text  # a board's own


def test_what_runs_once_is_a_file_of_its_own():
    made = small()
    assert "__init__" not in made.files["canbean/__init__"]
    assert made.files["canbean/boot"].count("__init__ = ") == 4
    assert "def start(" in made.files["canbean/boot"]


SAFE = """
from canbean.parts import Part


def main(board):
    print(board.NAME, Part(7).grown(1))
"""


def test_what_runs_instead_of_the_application_has_what_runs_once(tmp_path):
    made = small(**{"apps/console": SAFE}, starting=[Part("apps/console", "main")])
    assert "__init__" not in made.files["canbean/__init__"]
    assert (
        run(made, tmp_path, "from apps import console\nfrom boards import here\nconsole.main(here)")
        == "here 11"
    )
    # called at any time it would need its code at any time
    assert "__init__" in small(**{"apps/console": SAFE}).files["canbean/__init__"]


def test_a_table_is_made_once(tmp_path):
    parts = "from array import array\nTABLE = array('H', (7, 8))\n" + PARTS.replace("+ _MORE", "+ TABLE[1]")
    made = small(parts=parts)
    assert "(7, 8)" in made.files["canbean/boot"]
    assert "array" not in made.files["canbean/__init__"]
    assert run(made, tmp_path) == "here 50 5"


WORDS = """
def words(part):
    return "of " + text(part.size)


def text(size):
    return "size %d" % size
"""
COMMAND = """
from canbean.words import text


def run(app, words):
    return text(3)
"""
SAYS = "\nimport sys\nfrom commands import told\nprint(told.run(app, ()), 'canbean.za' in sys.modules)"


def test_what_is_loaded_for_each_call_is_found_by_commands_too(tmp_path):
    late = "\n        from canbean.words import words\n\n        return words(self.part)"
    app = APP.replace("\n        return used(self.part, self.board.NAME)", late)
    files = {"canbean/words": WORDS, "commands/told": COMMAND}
    made = small(app=app, **files, seldom=[Part("canbean/words", "words")])
    assert made.files["canbean/za"].count("def ") == 2
    assert run(made, tmp_path, RUNS + SAYS).split("\n") == ["of size 40", "size 3 False"]
    app = app.replace(late, "\n        return words(self.part)")
    with pytest.raises(BoardError, match=r"canbean/words\.py: words is loaded for each call"):
        small(app="from canbean.words import words\n" + app, **files, seldom=[Part("canbean/words", "words")])


def test_short_texts_of_code_that_leaves_are_no_names():
    made = small(**{"commands/told": "def run(app, words):\n    return [app['key'], 'short', ('a', 'b')]\n"})
    assert "[args['key'], ('short',)[0], ('a', 'b')]" in made.files["commands/told"]


def test_what_has_a_function_within_stays():
    made = small(
        app=APP.replace("self.board = board", "self.board = board\n        self.later = lambda: self.part")
    )
    assert "def __init__" in made.files["canbean/__init__"]


def test_long_texts_are_read_when_they_are_needed(tmp_path):
    made = small()
    assert b"a part with a size below nothing\n" in made.texts
    assert "below" not in "".join(made.files.values())
    said = run(small(app=APP.replace("Part(LIMIT)", "Part(0 - LIMIT)")), tmp_path)
    assert said == "ValueError: a part with a size below nothing"


def test_a_name_that_is_asked_for_as_text_stays(tmp_path):
    app = APP.replace("return used(self.part, self.board.NAME)", 'return getattr(self.part, "size")')
    made = small(app=app)
    assert ".size" in made.files["canbean/boot"]
    assert run(made, tmp_path) == "40"


def test_two_attributes_of_one_object_never_share_a_name(tmp_path):
    values = ", ".join(f"self.value_{i}" for i in range(150))
    parts = f"class Part:\n    def __init__(self, size):\n        {values.replace(',', ' =')} = 0\n"
    parts += "".join(f"        self.value_{i} = {i}\n" for i in range(150))
    parts += f"def used(part, name):\n    self = part\n    return sum(({values}))\ndef unused():\n    pass\nLIMIT = 1\n"
    assert run(small(parts=parts), tmp_path) == str(sum(range(150)))


def test_a_constant_that_is_asked_for_as_text_stays(tmp_path):
    app = APP.replace("return used(self.part, self.board.NAME)", 'return getattr(self, "part").size + PLACES')
    made = small(
        app="from canbean import const\nPLACES = const(2)\n" + app + "\nNAMED = getattr(App, 'PLACES', 0)\n"
    )
    assert "PLACES = const(2)" in made.files["canbean/__init__"]
    assert run(made, tmp_path) == "42"


def test_what_is_no_python_is_named():
    with pytest.raises(BoardError, match=r"apps/app\.py: line 1: SyntaxError"):
        small(app="def start(board:\n")


def test_what_leaves_the_heap_again_is_known_where_that_is_said(tmp_path, golden):
    """Where there is no native code: files beside the package that take a function for one call name what they forget."""
    firmware.build(tmp_path, "gateway", "wemos_d1_mini", compiled=False, model=golden, refuse=False)
    leave = re.compile(r"del sys.modules\['canbean.z\w'\], canbean.z\w")
    seen = 0
    for path in tmp_path.rglob("*.py"):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if leave.fullmatch(line.strip()) and path.name != "__init__.py":
                seen += 1
                where = lines[number - 1 : number] if line[0] == " " else lines[:number]
                assert "import canbean, sys" in [one.strip() for one in where], path
    assert seen > 3
