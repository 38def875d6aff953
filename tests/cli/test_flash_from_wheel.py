"""canbean installed from its wheel, in an environment and a folder of its own, flashes the virtual board."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from canbean.board.bare import BareBoard
from gateway_load import bus_model

ROOT = Path(__file__).parents[2]


def run(*words, **more):
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_it_flashes_from_anywhere(tmp_path, vm):
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env")
    packages = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", packages, wheel)
    # what it depends on, as it is here; only what is named in such a file is taken, and no canbean
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = tmp_path / "env" / "bin" / "python"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(bus_model(tmp_path / "car.cbm"), elsewhere)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    code = "from canbean.cli.main import main; main()"
    where = run(python, "-c", "import canbean; print(canbean.__file__)", cwd=elsewhere, env=plain)
    assert where.startswith(str(packages))
    with BareBoard() as board:
        words = [
            "board",
            "flash",
            "-b",
            "wemos-d1-mini",
            "-m",
            "car.cbm",
            "-p",
            board.port,
            "--image",
            board.image,
        ]
        said = run(python, "-c", code, *words, cwd=elsewhere, env=plain)
    assert "gateway on wemos-d1-mini runs model" in said
    assert list(elsewhere.iterdir()) == [elsewhere / "car.cbm"]
