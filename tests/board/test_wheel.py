"""An installed canbean can flash: its wheel carries the firmware."""

import subprocess
import sys
import zipfile
from pathlib import Path

from canbean.board import profiles

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_package_profiles_and_firmware(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    code = (
        "from canbean.board import firmware, profiles\n"
        "firmware.build(__import__('pathlib').Path('tree'), 'gateway', 'linux')\n"
        "print(firmware.folder().name, ' '.join(sorted(profiles.names())))"
    )
    (tmp_path / "tree").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r})\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == ["_firmware", *profiles.names()], ran.stderr
    assert (tmp_path / "tree" / "canbean" / "watch.mpy").is_file()
    assert (tmp_path / "installed" / "canbean" / "py.typed").is_file()
    assert (tmp_path / "installed" / "canbean" / "web" / "page" / "index.html").is_file()
