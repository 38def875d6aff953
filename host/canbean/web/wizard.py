"""The pairing session for pages: several may be open, and one question is answered once."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from canbean.errors import CanbeanError
from canbean.roast.pair_questions import Step, as_json
from canbean.roast.pairing import AnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canbean.roast.pairing import Session
    from canbean.roast.reading import Channel

ANSWER_MOST = 200


class Reference(Protocol):
    """A professional meter on a port of its own."""

    def forget(self) -> None:
        """What it sent so far is of an earlier cup."""

    def value(self) -> float:
        """What it says of the cup that it measured; takes up to a minute."""


class Wizard:
    """A session behind a lock.

    Args:
        session: it.
        measure: reads the cup on our meter; takes seconds, and raises a `CanbeanError` that says why it cannot.
        reference: the professional meter; None where its value is typed.
    """

    def __init__(
        self,
        session: Session,
        measure: Callable[[], Sequence[Channel]],
        reference: Reference | None = None,
    ) -> None:
        self._session = session
        self._measure = measure
        self._reference = reference
        self._lock = threading.Lock()
        self._measuring = threading.Lock()
        self._run = secrets.token_hex(4)
        self._turn = 0

    def state(self) -> dict[str, Any]:
        """The session as a page shows it; `turn` names the question, and rises while `run` stays the same."""
        with self._lock:
            return self._state()

    def _state(self) -> dict[str, Any]:
        return {
            "run": self._run,
            "turn": self._turn,
            **as_json(self._session),
            "reads_reference": self._reference is not None,
        }

    def answer(self, turn: int, text: str) -> dict[str, Any]:
        """Answer the question of that turn; an empty one reads the meter that is asked about, where it is on a port.

        Returns:
            `said` what to say, `error` why it did not fit, else null, and `pairing` the state after.
        """
        if len(text) > ANSWER_MOST:
            return self._refused("that is too long for an answer")
        with self._lock:
            if turn != self._turn:
                return self._refused_now("somebody answered meanwhile: look again")
            asked = self._session.step
            read = self._reader(asked)
            if read is None or text.strip():
                return self._take(lambda: self._session.answer(text))
        if not self._measuring.acquire(blocking=False):
            return self._refused("the meter is being read")
        try:
            take = read()
        except CanbeanError as error:
            return self._refused(str(error))
        finally:
            self._measuring.release()
        with self._lock:
            if turn != self._turn:
                return self._refused_now("somebody answered meanwhile: look again")
            return self._take(take)

    def _reader(self, asked: Step) -> Callable[[], Callable[[], str]] | None:
        """What reads the meter of a step, and gives what takes its answer; None where it is typed."""
        if asked is Step.OURS:
            return self._ours
        return self._theirs if asked is Step.REFERENCE and self._reference is not None else None

    def _ours(self) -> Callable[[], str]:
        channels = self._measure()
        return lambda: self._session.measured(channels)

    def _theirs(self) -> Callable[[], str]:
        assert self._reference is not None
        value = f"{self._reference.value():g}"

        def take() -> str:
            said = self._session.answer(value)
            return f"the professional meter says {value}{'; ' if said else ''}{said}"

        return take

    def _take(self, act: Callable[[], str]) -> dict[str, Any]:
        try:
            said = act()
            if self._reference is not None and self._session.step is Step.REFERENCE:
                # one that went away says so when it is asked
                with suppress(CanbeanError):
                    self._reference.forget()
        except AnswerError as error:
            return self._refused_now(str(error))
        except CanbeanError as error:
            # the disk, say: what was asked may have been answered in part
            self._turn += 1
            return self._refused_now(str(error))
        self._turn += 1
        return {"said": said, "error": None, "pairing": self._state()}

    def _refused(self, why: str) -> dict[str, Any]:
        with self._lock:
            return self._refused_now(why)

    def _refused_now(self, why: str) -> dict[str, Any]:
        return {"said": "", "error": why, "pairing": self._state()}
