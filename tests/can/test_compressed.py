from __future__ import annotations

import gzip
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from canbean.can import logs
from canbean.errors import LogError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"(%d.%06d) can0 123#%016X\n" % (k // 100, k % 100, k * 7919) for k in range(20_000))
PLAIN = {"gzip": gzip.compress(TEXT), "zstd": zstd.compress(TEXT)}


def zipped(path, members, **arguments):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **arguments) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "log"
    path.write_bytes(TEXT)
    return logs.read(path).frames


@pytest.mark.parametrize(
    "content",
    [
        PLAIN["gzip"],
        PLAIN["zstd"],
        zstd.compress(TEXT[:333]) + zstd.compress(TEXT[333:]),
        struct.pack("<II", 0x184D2A53, 5) + b"12345" + PLAIN["zstd"],
        gzip.compress(TEXT[:333]) + gzip.compress(TEXT[333:]),
    ],
    ids=["gzip", "zstd", "zstd frames", "zstd skippable frame", "gzip members"],
)
def test_a_compressed_log_reads_as_the_plain_one_whatever_its_name(tmp_path, frames, content):
    path = tmp_path / "log.txt"
    path.write_bytes(content)
    assert logs.read(path).frames.equals(frames)


@pytest.mark.parametrize(
    "members",
    [
        {"drive/a.log": TEXT},
        {"drive/": b"", "a.log": TEXT, "README.txt": b"what the drive was\n", "empty.log": b""},
        {"a.log": TEXT, "__MACOSX/._a.log": TEXT, ".hidden": TEXT},
        {"a.log.gz": PLAIN["gzip"]},
        {"a.log.zst": PLAIN["zstd"], "photo.jpg": b"\xff\xd8\xff\xe0 (1.0) can"},
        {"a.log": TEXT.replace(b"\n", b"\r\n"), "broken.gz": PLAIN["gzip"][:7]},
    ],
    ids=["one", "and a note", "and hidden ones", "gzip in it", "zstd in it", "and a broken one"],
)
def test_the_one_log_in_a_zip_is_read(tmp_path, frames, members):
    assert logs.read(zipped(tmp_path / "x", members)).frames.equals(frames)


def test_a_zip_of_several_logs_names_them(tmp_path):
    path = zipped(
        tmp_path / "x.zip", {"a.log": TEXT, "b.csv": b"t,id,ext,dlc,data,label\n1,2,0,0,,\n", "c": b"?"}
    )
    with pytest.raises(LogError, match=r"x.zip: a zip of 2 logs \('a.log', 'b.csv'\)"):
        logs.read(path)


def test_a_zip_without_a_log_says_so(tmp_path):
    for members, why in (
        ({"a": b"x", "b": b"y"}, "2 files, none of which is a log"),
        ({}, "0 files"),
        ({"a": b"hello\n"}, "no format that is known"),
    ):
        with pytest.raises(LogError, match=why):
            logs.read(zipped(tmp_path / "x.zip", members))


def test_a_zip_with_a_password_says_so(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.log": TEXT})
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(LogError, match="password"):
        logs.read(path)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_stream_that_ends_early_is_told_and_what_is_whole_can_be_read(tmp_path, frames, kind):
    path = tmp_path / "log"
    for size in (len(PLAIN[kind]) - 1, len(PLAIN[kind]) - 9, len(PLAIN[kind]) * 3 // 4):
        path.write_bytes(PLAIN[kind][:size])
        with pytest.raises(LogError, match=r"ends (early|in the middle)"):
            logs.read(path)
    some = logs.read(path, accept_cut=True).frames
    assert len(some) <= len(frames)
    assert some.equals(frames[: len(some)])
    path.write_bytes(PLAIN[kind][:20])
    with pytest.raises(LogError, match="ends early"):
        logs.read(path)


@pytest.mark.parametrize("kind", ["gzip", "zstd", "zip"])
def test_damaged_data_is_an_error_that_names_file_and_kind(tmp_path, kind):
    path = tmp_path / "log"
    rng = np.random.default_rng(1)
    text = b"".join(b"(%d.0) can0 123#%s\n" % (k, rng.bytes(8).hex().encode()) for k in range(60_000))
    if kind == "zip":
        zipped(path, {"a.log": text})
    else:
        checked = {zstd.CompressionParameter.checksum_flag: 1}
        path.write_bytes(gzip.compress(text) if kind == "gzip" else zstd.compress(text, options=checked))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 4000] = bytes(4000)
    path.write_bytes(bytes(raw))
    with pytest.raises(LogError, match=rf"log: the {kind} data is damaged after line \d+"):
        logs.read(path)
    path.write_bytes(bytes(raw[: len(raw) // 2]) if kind == "zip" else bytes(raw[:4]) + b"\xff" * 40)
    with pytest.raises(LogError, match=rf"the {kind} data is damaged|ends early"):
        logs.read(path)


@pytest.mark.parametrize("kind", ["gzip", "zstd", "zip"])
def test_a_bomb_takes_no_more_memory_than_a_block(tmp_path, kind):
    path, block = tmp_path / "log", bytes(1 << 20)
    start = b"(1.0) can0 123#00\n"
    opened = {
        "gzip": lambda: gzip.GzipFile(path, "wb", 1),
        "zstd": lambda: zstd.open(path, "wb"),
        "zip": lambda: zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1),
    }[kind]
    with opened() as file, file.open("a", "w") if kind == "zip" else file as out:
        out.write(start)
        for _ in range(100):
            out.write(block)
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        log = logs.read(path, accept_cut=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(log.frames), log.skipped) == (1, 1)
    assert "longer than" in log.problems[0]
    assert peak < 24 << 20
