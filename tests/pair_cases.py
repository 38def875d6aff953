"""Pairing sessions in tests: a bench, and a person that is quick."""

from canbean.roast.pair_book import Book
from canbean.roast.pair_questions import Step
from canbean.roast.pair_simulated import Bench
from canbean.roast.pairing import Session
from canbean.roast.reading import Channel

SCALE = (0.0, 180.0)


def light(red, infrared, celsius=25.0):
    """What our meter reads."""
    return [Channel("red", red, 3), Channel("infrared", infrared, 3), Channel("temperature", celsius, 2)]


def cup(degree, wiggle=0.0):
    """What our meter reads of a roast degree: a smooth curve, and `wiggle` of it."""
    return light(round((2 + degree / 12) * (1 + wiggle), 3), round((6 + degree / 4) * (1 + wiggle), 3))


def begun(path, lots=(("dark", 40), ("medium", 70), ("light", 100)), **options):
    """A session whose lots are told."""
    session = Session(Book(path, SCALE), "unit-1", **options)
    for name, degree in lots:
        session.answer(name)
        session.answer(str(degree))
    session.answer("")
    return session


def tamp(session, degree, wiggle=0.0):
    """Both meters read a tamp."""
    said = ""
    for _ in range(2):
        if session.step is Step.OURS:
            said = session.measured(cup(degree, wiggle))
        elif session.step is Step.REFERENCE:
            said = session.answer(f"{degree:g}")
    return said


def run(session, bench, confirmed=lambda _: None, most=10_000):
    """The simulated person, until the end or so many answers."""
    for _ in range(most):
        if session.step is Step.DONE:
            return
        kept = len(session.book.pairs)
        if session.step is Step.OURS:
            session.measured(bench.measure(session.cup.lot))
        else:
            session.answer(bench.answer(session.question, session))
        if len(session.book.pairs) > kept:
            confirmed(session.book.pairs[-1])


__all__ = ["SCALE", "Bench", "begun", "cup", "light", "run", "tamp"]
