"""A session's files: what was confirmed is there whatever happens, and what somebody else wrote is not thrown away."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from canbean.errors import FileError, PairsError
from canbean.roast import pair_book, pairs
from canbean.roast.pair_book import Book
from canbean.roast.pairing import Session
from canbean.roast.reading import Channel
from pair_cases import SCALE, Bench, begun, run, tamp

TESTS = Path(__file__).parents[1]


def ended(path, target=12):
    bench = Bench(3, lots=6)
    session = Session(Book(path, SCALE), bench.unit, target=target)
    run(session, bench)
    return session


def test_the_csv_is_what_roast_fit_reads(tmp_path):
    session = ended(tmp_path / "p.csv")
    found = pairs.read(tmp_path / "p.csv")
    assert len(found) == len(session.book.pairs) >= 12
    assert found.channel_names == ("red", "infrared", "temperature")
    assert found.simulated
    assert found.reference.tolist() == [pair.reference for pair in session.book.pairs]
    assert set(found.cup) == {pair.cup for pair in session.book.pairs}
    assert found.warnings == ()
    pairs.check(found, SCALE)


def test_a_session_goes_on_where_it_was(tmp_path):
    path = tmp_path / "p.csv"
    session = begun(path)
    session.answer("")
    for wiggle in (0, 0.01):
        tamp(session, 40, wiggle)
    session.book.take_back(1)
    again = Book(path, SCALE)
    assert again.resumed
    assert again.pairs == session.book.pairs
    assert again.lots == {"dark": 40, "medium": 70, "light": 100}
    assert again.next_cup == "2"
    assert "cup 1: 2 of its 3" in Session(again, "unit-1").question.text


def test_a_csv_that_was_changed_is_not_overwritten(tmp_path):
    path = tmp_path / "p.csv"
    ended(path)
    changed = path.read_text().replace("simulated-lot-1,", "Kenya,")
    path.write_text(changed)
    with pytest.raises(PairsError, match=r"p\.csv: was changed since this session wrote it"):
        Book(path, SCALE)
    assert path.read_text() == changed
    # as the message says: without the journal the session goes on from the CSV
    (tmp_path / "p.csv.journal").rename(tmp_path / "elsewhere")
    book = Book(path, SCALE)
    assert "Kenya" in book.lots
    assert any("pairs were in" in notice for notice in book.notices)


def test_a_csv_that_is_gone_comes_back_from_the_journal(tmp_path):
    path = tmp_path / "p.csv"
    ended(path)
    content = path.read_bytes()
    path.unlink()
    Book(path, SCALE)
    assert path.read_bytes() == content


def test_pairs_from_before_are_taken_over_and_a_copy_kept(tmp_path):
    path = tmp_path / "p.csv"
    before = "lot,remark,red,reference\na,nice,10.5,80\na,,10.6,81\nb,burnt,5,40\n"
    path.write_text(before)
    book = Book(path, SCALE)
    assert [(p.lot, p.channels["red"], p.reference) for p in book.pairs] == [
        ("a", 10.5, 80),
        ("a", 10.6, 81),
        ("b", 5, 40),
    ]
    assert any("'remark' holds text" in notice for notice in book.notices)
    # nothing is written before something is kept
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]
    assert Book(path, SCALE).pairs == book.pairs
    # a spreadsheet drops zeros: the meter gives three decimals
    book.keep(replace(book.pairs[0], number=0, reference=79.0), [Channel("red", 10.412, 3)])
    assert (tmp_path / "p.csv.before").read_text() == before
    assert Book(path, SCALE).pairs == book.pairs
    assert pairs.read(path).reference.tolist() == [80, 81, 40, 79]


def test_another_scale_and_other_channels_are_told(tmp_path):
    path = tmp_path / "p.csv"
    session = begun(path)
    session.answer("")
    tamp(session, 40)
    with pytest.raises(PairsError, match=r"line 1.*scale 0:180"):
        Book(path, (0.0, 200.0))
    first = session.book.pairs[0]
    coarse = [channel._replace(decimals=0) for channel in session.book.channels_of(first)]
    with pytest.raises(PairsError, match=r"red with 3 decimals.*the meter now gives counts \(red with 0"):
        session.book.keep(first, coarse)


def kind(decimals):
    return [("red", decimals), ("infrared", decimals), ("temperature", 2)]


def test_another_kind_is_refused_before_the_first_cup(tmp_path):
    reflectances, counts = tmp_path / "p.csv", tmp_path / "q.csv"
    session = begun(reflectances)
    session.answer("")
    tamp(session, 40)
    counts.write_text("lot,unit,red,infrared,temperature,reference\na,kitchen,30000,80000,25,80\n")
    book = Book(reflectances, SCALE)
    book.expect(kind(3), "unit-1")
    # reflectances of several units go together
    book.expect(kind(3), "unit-2")
    with pytest.raises(
        PairsError, match="holds reflectances in percent, and this meter gives counts: leave out --counts"
    ):
        book.expect(kind(0), "unit-1")
    with pytest.raises(PairsError, match=r"temperature with 2 decimals\): pair into another file$"):
        book.expect([("clear", 3), *kind(3)], "unit-1")
    with pytest.raises(PairsError, match=r"what is simulated and what was measured do not go into one file"):
        book.expect(kind(3), "simulated-1")
    book = Book(counts, SCALE)
    book.expect(kind(0), "kitchen")
    with pytest.raises(
        PairsError, match="holds counts, and this meter gives reflectances in percent: give --counts"
    ):
        book.expect(kind(3), "kitchen")
    with pytest.raises(PairsError, match=r"counts of the unit kitchen.*--unit kitchen"):
        book.expect(kind(0), "unit-1")
    assert not (tmp_path / "q.csv.journal").exists()
    Book(tmp_path / "new.csv", SCALE).expect(kind(0), "unit-1")


def test_an_empty_file_is_said(tmp_path):
    (tmp_path / "p.csv").touch()
    assert Book(tmp_path / "p.csv", SCALE).notices == [
        f"{tmp_path / 'p.csv'} is there and empty: a new session begins in it"
    ]
    assert Book(tmp_path / "new.csv", SCALE).notices == []


def test_no_folder_is_one_clear_error(tmp_path):
    with pytest.raises(FileError, match="there is no folder"):
        Book(tmp_path / "none" / "p.csv", SCALE)


class Killed(BaseException):
    """As good as a SIGKILL: nothing catches it, and what follows does not run."""


def steps(path, before):
    """A session's acts one by one, beside the pairs of a CSV that was there `before`; after each, the pairs that are kept."""
    session = Session(Book(path, SCALE), "unit-1", tamps=2) if before else begun(path, tamps=2)
    yield session.book.pairs[:]
    session.answer("a" if before else "dark")
    for wiggle in (0, 0.01):
        tamp(session, 40, wiggle)
        yield session.book.pairs[:]
    session.answer("back")
    yield session.book.pairs[:]
    tamp(session, 40, 0.02)
    yield session.book.pairs[:]


@pytest.mark.parametrize(
    "before", ["", "lot,cup,red,infrared,temperature,reference\na,x,10.5,30,25,80\nb,y,5,20.25,25,40\n"]
)
def test_killed_at_every_step_of_every_write_it_has_what_was_confirmed(tmp_path, monkeypatch, before):
    """The process dies in turn before each write, sync and rename that it makes."""

    def file(name):
        path = tmp_path / name / "p.csv"
        path.parent.mkdir()
        if before:
            path.write_text(before)
        return path

    whole = list(steps(file("whole"), before))
    kept = [whole[0], *whole, None]
    points = 0
    died = True
    while died:
        path = file(str(points))
        left = [points]

        def dies(real, left=left):
            def call(*given, **named):
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return real(*given, **named)

            return call

        done = 0
        with monkeypatch.context() as patch:
            for owner, name in ((os, "fsync"), (os, "fdopen"), (Path, "replace"), (Path, "open")):
                patch.setattr(owner, name, dies(getattr(owner, name)))
            # what a killed process leaves beside stays there
            patch.setattr(Path, "unlink", lambda *_, **__: None)
            try:
                for _ in steps(path, before):
                    done += 1
                died = False
            except Killed:
                points += 1
        # what was being kept or taken back may be so already
        book = Book(path, SCALE)
        assert book.pairs in kept[done : done + 2], points
        if book.pairs:
            assert len(pairs.read(path)) == len(book.pairs)
    assert points > 20


CHILD = """
import os, sys
from pair_cases import SCALE, Bench, run
from canbean.roast.pair_book import Book
from canbean.roast.pairing import Session

def child(path):
    session = Session(Book(path, SCALE), bench.unit, target=4000)
    run(session, bench, lambda pair: os.write(1, b"%d\\n" % pair.number))

# everything is imported and simulated once; each life is a fork
bench = Bench(1, lots=6)
# nothing is taken back again
bench._second_look = lambda session: "keep"
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        child(line.strip())
        os._exit(0)
    os.write(1, b"pid %d\\n" % pid)
    os.waitpid(pid, 0)
    os.write(1, b"dead\\n")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork: POSIX only")
def test_killed_by_a_signal_at_many_moments_it_has_every_confirmed_pair(tmp_path):
    path, rng = tmp_path / "p.csv", random.Random(7)
    confirmed: set[int] = set()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
    ) as process:
        try:
            for life in range(25):
                process.stdin.write(f"{path}\n".encode())
                process.stdin.flush()
                said = process.stdout.readline()
                assert said.startswith(b"pid "), said
                # after so many pairs, and then a moment that falls anywhere in the next
                wanted, got = rng.randint(0, 3), 0
                while got < wanted:
                    number = process.stdout.readline()
                    assert number.strip().isdigit(), (life, number)
                    confirmed.add(int(number))
                    got += 1
                time.sleep(rng.uniform(0, 0.02))
                os.kill(int(said.split()[1]), signal.SIGKILL)
                while (number := process.stdout.readline()) != b"dead\n":
                    confirmed.add(int(number))
                book = Book(path, SCALE)
                assert confirmed <= {pair.number for pair in book.pairs}, life
                assert len(book.pairs) == (len(pairs.read(path)) if path.exists() else 0)
        finally:
            process.stdin.close()
            process.kill()
    assert len(confirmed) > 25


def test_a_csv_of_one_pair_ago_is_brought_up_to_date(tmp_path, monkeypatch):
    path = tmp_path / "p.csv"
    session = begun(path)
    session.answer("")
    tamp(session, 40)
    older = path.read_bytes()
    tamp(session, 40, 0.01)
    path.write_bytes(older)
    assert len(Book(path, SCALE).pairs) == 2
    assert len(pairs.read(path)) == 2
    assert pair_book.VERSION == 1
