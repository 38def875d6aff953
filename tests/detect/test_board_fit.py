"""Which detectors fit where, why not, and what is said to leave out."""

from dataclasses import replace

import pytest

import heap_fit
from canbean.board import profiles
from canbean.detect.board_cost import Size
from canbean.detect.board_fit import CHECKS, SETS, Fit, Verdict, refuse, table, typical, without
from canbean.errors import BoardError

WEMOS = profiles.profile("wemos-d1-mini")
ALL = SETS[-1]


def with_heap(heap, board=WEMOS):
    return replace(board, heap_left=heap)


@pytest.mark.parametrize(
    ("more", "romfs_more", "image", "verdict"),
    [
        (0, 0, "image", Verdict.FITS),
        (-1, 0, "image", Verdict.ROMFS),
        (-1, 0, "", Verdict.NOT),
        (None, -1, "image", Verdict.NOT),
    ],
)
def test_a_byte_decides(more, romfs_more, image, verdict):
    size = typical(("sequence",))
    heap = size.ram_bytes(romfs=True) + romfs_more if more is None else size.ram_bytes() + more
    assert Fit(replace(WEMOS, heap_left=heap, romfs_image=image), size).verdict == verdict


def test_every_set_fits_a_large_board_and_the_fingerprint_the_smallest():
    rows = table([profiles.profile(name) for name in profiles.names()])
    assert [tuple(row["detectors"]) for row in rows] == list(SETS)
    assert {row["boards"][name] for row in rows for name in ("esp32-devkit", "pico", "linux")} == {"fits"}
    assert rows[0]["boards"]["wemos-d1-mini"] == "fits"
    assert all(row["romfs_ram_bytes"] < row["ram_bytes"] for row in rows)


def test_more_takes_more_heap():
    for romfs in (False, True):
        alone, everything = typical(()).ram_bytes(romfs=romfs), typical(ALL).ram_bytes(romfs=romfs)
        for names in SETS[1:-1]:
            assert alone < typical(names).ram_bytes(romfs=romfs) < everything


def test_leaving_out_what_is_named_is_enough():
    size = typical(ALL)
    for heap in range(typical(()).ram_bytes(), size.ram_bytes(), 500):
        with pytest.raises(BoardError, match="leave out") as failed:
            refuse(with_heap(heap), size, "car")
        words = str(failed.value)
        named = words.partition("leave out ")[2].partition(",")[0].split(" and ")
        left = size
        for name in named:
            assert left != without(left, name)
            left = without(left, name)
        refuse(with_heap(heap), left, "car")
        assert words.startswith(f"car: does not fit: takes about {size.ram_bytes():,} bytes of heap, ")
        assert f"has {heap:,} for it" in words


def test_one_detector_that_is_enough_is_named_alone_and_the_cheapest():
    size = typical(ALL)
    cheapest = min((*size.sections, CHECKS), key=lambda name: -without(size, name).ram_bytes())
    board = with_heap(without(size, cheapest).ram_bytes())
    assert Fit(board, size).why().partition("leave out ")[2].split(",")[0] == cheapest


def test_the_image_with_romfs_is_named_where_it_helps():
    size = typical(("sequence",))
    board = with_heap(size.ram_bytes(romfs=True))
    assert f"ROMFS of the image {WEMOS.romfs_image}" in Fit(board, size).why()
    refuse(board, size, "car", romfs=True)
    tight = with_heap(size.ram_bytes(romfs=True) - 1)
    assert "image" not in Fit(tight, size).why()
    with pytest.raises(BoardError, match="with its firmware in ROMFS"):
        refuse(tight, size, "car", romfs=True)


def test_too_many_ids_leave_nothing_to_leave_out():
    with pytest.raises(BoardError, match=r"watch fewer ids \('can plan'\), or take a bigger board"):
        refuse(WEMOS, Size(ids=1000), "car")


def test_the_firmware_s_readme_has_the_table():
    assert heap_fit.shown() in heap_fit.readme().read_text(), "tools/bench heap --write renews it"


def test_a_board_without_romfs_has_none():
    with pytest.raises(BoardError, match=r"^pico: no official image for it has a ROMFS"):
        refuse(profiles.profile("pico"), typical(()), "car", romfs=True)
