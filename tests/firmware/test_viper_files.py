"""Native code as files: it compiles for every processor that boards have, and stays small and apart."""

import ast

import pytest

from canbean.board import firmware

ARCHITECTURES = ("xtensa", "xtensawin", "armv6m", "armv7m", "armv7emsp", "rv32imc", "x64")
FILES = sorted(firmware.folder().glob("*/*_viper.py"))
# What a board may be asked to hold outside its heap, a file; the .mpy has about 350 bytes around the code.
MPY_MOST = 1850
# The frame path is one call and not one a step: it is for boards whose native code goes into plenty of memory.
MPY_MORE = {"checks_viper": 3200, "fingerprint_viper": 4600, "signals_viper": 2000}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_compiles_for(path, architecture):
    made = firmware._compile(f"canbean/{path.name}", path.read_bytes(), architecture)
    assert made[:2] == b"M\x06"
    assert made[2] >> 2 != 0  # native code, of one architecture
    if architecture != "x64":  # no board
        assert len(made) <= MPY_MORE.get(path.stem, MPY_MOST)


def test_native_code_is_in_files_of_its_own():
    """Only they are bound to a processor; every one has a twin that runs without it."""
    for path in firmware.folder().glob("*/*.py"):
        decorated = "@micropython." in path.read_text()
        assert decorated == path.stem.endswith("_viper"), path
    for path in FILES:
        if path.parent.name == "drivers":
            # their boards choose
            continue
        twin = path.with_name(path.name.replace("_viper", ""))
        guarded = [node for node in ast.parse(twin.read_text()).body if isinstance(node, ast.Try)]
        assert path.stem in ast.unparse(guarded[0].body[0])


@pytest.mark.parametrize("architecture", [None, "xtensa"])
def test_a_board_of_unknown_processor_gets_bytecode_only(tmp_path, architecture):
    firmware.build(tmp_path, "gateway", "linux", architecture=architecture)
    made = {path.stem for path in tmp_path.rglob("*_viper.mpy")}
    assert made == ({path.stem for path in FILES} if architecture else set())
    bytecode = (tmp_path / "canbean" / "dense.mpy").read_bytes()
    assert bytecode[2] >> 2 == 0  # the same on every board


def test_sources_hold_the_kernels_too(tmp_path):
    firmware.build(tmp_path, "roastmeter", "linux", compiled=False)
    assert (tmp_path / "canbean" / "dense_viper.py").is_file()
