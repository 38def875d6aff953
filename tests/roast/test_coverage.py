"""Which lot next."""

from hypothesis import given
from hypothesis import strategies as st

from canbean.roast.coverage import Lot, advise, gap

DEGREE = st.none() | st.floats(0, 180)
LOTS = st.lists(
    st.builds(
        lambda expected, references: (expected, tuple(references)),
        DEGREE,
        st.lists(st.floats(0, 180), max_size=4),
    ),
    min_size=1,
    max_size=12,
).map(lambda rows: [Lot(str(k), e, r, (len(r) + 2) // 3) for k, (e, r) in enumerate(rows)])


@given(LOTS)
def test_it_always_names_a_lot_and_new_ones_first(lots):
    advice = advise(lots)
    chosen = next(lot for lot in lots if lot.name == advice.lot)
    assert advice.why
    if any(not lot.cups for lot in lots):
        assert not chosen.cups
    else:
        assert chosen.cups == min(lot.cups for lot in lots)
    found = gap(lots)
    assert found is None or found[0] < found[1]


@given(st.lists(st.floats(0, 180), min_size=2, max_size=10, unique=True))
def test_the_new_lot_is_the_one_furthest_from_all_that_was_measured(degrees):
    measured, fresh = degrees[: len(degrees) // 2], degrees[len(degrees) // 2 :]
    lots = [Lot(f"m{k}", None, (d,), 1) for k, d in enumerate(measured)]
    lots += [Lot(f"f{k}", d) for k, d in enumerate(fresh)]
    far = {f"f{k}": min(abs(d - m) for m in measured) for k, d in enumerate(fresh)}
    assert far[advise(lots).lot] == max(far.values())


def test_a_gap_that_no_lot_fills_is_named():
    lots = [Lot(str(d), None, (d,), 1) for d in (30.0, 40.0, 50.0, 100.0, 110.0)]
    assert gap(lots) == (50.0, 100.0)
    assert gap([*lots, Lot("new", 80.0)]) is None
    assert gap([*lots, Lot("new")]) is None
    assert gap(lots[:3]) is None
    assert gap(lots[:2]) is None


def test_measured_lots_lie_where_they_were_measured():
    assert Lot("a", 40.0, (70.0, 72.0, 90.0), 1).degree == 72
    assert Lot("a", 40.0).degree == 40
