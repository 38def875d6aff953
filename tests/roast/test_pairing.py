"""The session: what it asks next, what it takes, and that everything can be taken back."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canbean.roast.pair_book import Book
from canbean.roast.pair_questions import Step, as_json
from canbean.roast.pairing import AnswerError, Session
from pair_cases import SCALE, Bench, begun, cup, run, tamp


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p.csv"


def test_a_cup_is_tamped_three_times_and_the_order_alternates(path):
    session = begun(path)
    orders = []
    for number in range(2):
        session.answer("")
        orders.append([])
        for k in range(3):
            orders[-1].append(session.step is Step.OURS)
            tamp(session, 40 + 30 * number, 0.01 * k)
        assert session.step is Step.CUP
    assert orders == [[True, False, True], [False, True, False]]
    assert [(p.cup, p.tamp, p.ours_first) for p in session.book.pairs] == [
        (str(1 + k // 3), 1 + k % 3, orders[k // 3][k % 3]) for k in range(6)
    ]


def test_it_begins_at_an_end_then_goes_to_the_largest_gap(path):
    session = begun(path, (("a", 40), ("b", 60), ("c", 120), ("d", 90)))
    asked = []
    for _ in range(4):
        lot = session.question.choices[0]
        asked.append(lot)
        session.answer("")
        for k in range(3):
            tamp(session, {"a": 40, "b": 60, "c": 120, "d": 90}[lot], 0.01 * k)
    assert asked == ["a", "c", "d", "b"]


def test_another_lot_can_be_chosen_and_a_new_one_added(path):
    session = begun(path)
    assert session.question.choices[0] == "dark"
    session.answer("LIGHT")
    assert session.cup.lot == "light"
    session.answer("back")
    assert session.step is Step.CUP
    session.answer("add Kenya AA 3")
    assert session.step is Step.DEGREE
    assert session.answer("light") == "Kenya AA 3: expected at about 118"
    assert session.step is Step.CUP
    assert session.book.lots["Kenya AA 3"] == pytest.approx(118.35)
    with pytest.raises(AnswerError, match="'Peru' is no lot of this session"):
        session.answer("Peru")


def test_back_takes_each_input_back(path):
    session = begun(path)
    session.answer("")
    session.measured(cup(40))
    assert session.step is Step.REFERENCE
    session.answer("back")
    assert session.step is Step.OURS
    tamp(session, 40)
    assert (len(session.book.pairs), session.step) == (1, Step.REFERENCE)
    # the pair is no more, its first value stands, its last is asked
    session.answer("back")
    assert (len(session.book.pairs), session.step) == (0, Step.REFERENCE)
    assert session.cup.ours == tuple(cup(40))
    session.answer("41")
    assert session.book.pairs[0].reference == 41
    with pytest.raises(AnswerError, match="nothing to take back"):
        for _ in range(20):
            session.answer("back")
    assert session.step is Step.LOTS
    assert session.book.lots == {}
    assert not session.book.pairs


def test_what_looks_odd_is_asked_about(path):
    session = begun(path)
    session.answer("")
    tamp(session, 40)
    session.answer("47")
    session.measured(cup(40, 0.01))
    assert session.step is Step.DOUBT
    assert "47, and 40 of this cup's other tamps" in session.question.text
    with pytest.raises(AnswerError, match="redo, back, keep"):
        session.answer("perhaps")
    assert len(session.book.pairs) == 1
    session.answer("back")
    assert session.step is Step.OURS
    session.measured(cup(40, 0.01))
    session.answer("redo")
    assert session.step is Step.REFERENCE
    session.answer("47")
    session.measured(cup(40, 0.01))
    assert "pair 2 is kept" in session.answer("keep")
    assert session.book.pairs[1].doubted == ("reference",)


def test_the_earlier_one_can_be_the_wrong_one(path):
    session = begun(path)
    session.answer("")
    session.measured(cup(40))
    session.answer("04")
    session.answer("40")
    session.measured(cup(40, 0.01))
    assert "drop 1" in session.question.text
    said = session.answer("drop 1")
    assert "pair 1 (dark, cup 1, 4) is taken out. pair 2 is kept" in said
    assert [p.reference for p in session.book.pairs] == [40]


def test_a_pair_that_looks_odd_only_later_is_named_once(path):
    session = begun(path, tuple((f"lot {k}", 30 + 15 * k) for k in range(8)), tamps=2)
    said = []
    for k in range(8):
        session.answer(f"lot {k}")
        for wiggle in (0.0, 0.004):
            degree = 30 + 15 * k
            # of the second lot both values have their digits swapped: their cup agrees with itself
            for _ in range(2):
                if session.step is Step.OURS:
                    told = session.measured(cup(degree, wiggle))
                elif session.step is Step.REFERENCE:
                    told = session.answer("54" if k == 1 else str(degree))
            said.append(told if session.step is not Step.DOUBT else session.answer("keep"))
    named = re.findall(r"Pair (\d+) \([^)]*\) looks odd now", " ".join(said))
    assert {"3", "4"} <= set(named)
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing was typed"),
        ("seventy", "'seventy' is not a number"),
        ("nan", "'nan' is not a number"),
        ("1e2", "'1e2' is not a number"),
        ("78 79", "'78 79' is not a number"),
        ("-3", "-3 is outside of the professional meter's scale, 0 to 180"),
        ("500", "500 is outside"),
        ("9" * 400, "is not a number"),
        ("\u0663", "is not a number"),
    ],
)
def test_a_value_that_cannot_be_is_explained(path, text, why):
    session = begun(path)
    session.answer("")
    session.measured(cup(40))
    with pytest.raises(AnswerError, match=why):
        session.answer(text)
    assert session.step is Step.REFERENCE
    session.answer("40,5")
    assert session.book.pairs[0].reference == 40.5


@pytest.mark.parametrize("name", ["done it", "back up", "12", "Kenya AA, washed; 2nd", "\u85dd\u5993"])
def test_lots_have_names_of_any_kind(path, name):
    session = Session(Book(path, SCALE), "unit-1")
    session.answer(name)
    session.answer("?")
    assert session.book.lots == {name: None}


@pytest.mark.parametrize("name", ["next", "Keep", "x" * 49, "a\x07b"])
def test_lots_have_no_names_that_mean_something_else(path, name):
    session = Session(Book(path, SCALE), "unit-1")
    with pytest.raises(AnswerError, match="cannot name a lot"):
        session.answer(name)


def test_one_lot_at_least(path):
    session = Session(Book(path, SCALE), "unit-1")
    with pytest.raises(AnswerError, match="at least one roast"):
        session.answer("")


def test_our_meter_is_not_typed_and_not_read_unasked(path):
    session = begun(path)
    with pytest.raises(AnswerError, match="not asked now"):
        session.measured(cup(40))
    session.answer("")
    with pytest.raises(AnswerError, match="reads by itself"):
        session.answer("12")


def test_the_simulated_person_covers_the_scale_and_slips_are_found(tmp_path):
    slips = found = doubted = pairs = 0
    for seed in range(4):
        bench = Bench(seed)
        session = Session(Book(tmp_path / f"{seed}.csv", SCALE), bench.unit)
        while session.step is not Step.DONE:
            if session.step is Step.DOUBT:
                found += bench._slipped
                doubted += not bench._slipped
            run(session, bench, most=1)
        references = sorted(p.reference for p in session.book.pairs)
        assert len({p.lot for p in session.book.pairs}) == 20
        assert references[0] < 45
        assert references[-1] > 130
        assert session.enough
        assert all(p.unit.startswith("simulated") for p in session.book.pairs)
        slips += bench.slips
        pairs += len(references)
    print(f"{found} of {slips} slips doubted, {doubted} doubts of others in {pairs} simulated pairs")
    assert found >= 0.75 * slips > 0
    assert doubted <= 0.05 * pairs


def test_a_lot_of_unknown_degree_is_measured_after_the_first(path):
    session = begun(path, (("a", 40), ("b", 100), ("c", "?")))
    assert session.question.choices[0] == "a"
    session.answer("")
    for k in range(3):
        tamp(session, 40, 0.01 * k)
    assert session.question.choices[0] == "c"
    assert "nobody knows" in session.question.text


WORDS = st.sampled_from(
    [
        "",
        "back",
        "done",
        "keep",
        "redo",
        "next",
        "78",
        "78.5",
        "drop 1",
        "drop x",
        "add New",
        "a",
        "b",
        "?",
        "light",
    ]
) | st.text(max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS | st.floats(1, 150), max_size=30))
def test_whatever_is_typed_it_goes_on(tmp_path_factory, typed):
    """No answer raises anything but a clear refusal, which changes nothing; the files hold what the session says."""
    path = tmp_path_factory.mktemp("fuzz") / "p.csv"
    session = Session(Book(path, SCALE), "unit-1")
    for what in typed:
        before = (session.question, session.book.pairs[:], dict(session.book.lots))
        try:
            if isinstance(what, float):
                session.measured(cup(what))
            else:
                session.answer(what)
        except AnswerError:
            assert (session.question, session.book.pairs, session.book.lots) == before
        assert session.question.text
        assert as_json(session)["kept"] == len(session.book.pairs)
    again = Book(path, SCALE)
    assert again.pairs == session.book.pairs
    assert again.lots == session.book.lots
