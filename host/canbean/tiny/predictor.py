"""A predictor: a row of readings to a number, a class or a flag, in integers from end to end.

Sections: FEAT (`canbean.tiny.features`), one of the kinds, and TASK:

```
u8 task (0 regression, 1 classification, 2 anomaly) | u8 rule | u8 scores | i8 exponent
i32 threshold | u16 classes | u16 zero
```

A score stands for `score * 10**exponent`. What is made of the scores:

* regression: the scores are the answer.
* classification: the number of the class and its margin, by one of three rules. 0: the class of the largest score, the
  first of equal ones; a single score is that of class 1, and class 0 has 0. 1: a score for each pair of classes i < j votes
  for i where it is above 0, else for j; most votes win, the first of equal ones; the margin is the smallest of the
  winner's own scores. 2: the k nearest neighbours vote.
* anomaly: the score, and 1 where it is above the threshold.

The names of the classes are META's `classes`. A kind with a state (LSTM, SEQN) takes the rows as one sequence; each
golden vector is one of its own.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny import cbm, cost, golden
from canbean.tiny.dense import Dense
from canbean.tiny.features import SATURATION, Features
from canbean.tiny.fixed import ACCUMULATOR_LIMIT
from canbean.tiny.forest import Forest
from canbean.tiny.kernel import Kernel
from canbean.tiny.lstm import Lstm
from canbean.tiny.mixture import Mixture
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.packing import Reader
from canbean.tiny.polynomial import Polynomial
from canbean.tiny.sequence import Transitions
from canbean.tiny.vae import Vae

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Kind = Polynomial | Neighbours | Dense | Forest | Kernel | Lstm | Vae | Mixture | Transitions
KINDS: dict[str, type[Kind]] = {
    kind.tag: kind
    for kind in (Polynomial, Neighbours, Dense, Forest, Kernel, Lstm, Vae, Mixture, Transitions)
}
APP = "model"
TASK = struct.Struct("<BBBbiHH")
TASKS = ("regression", "classification", "anomaly")
RULES = ("scores", "pairs", "votes")
EXPONENT_MOST = 18
CLASSES_MOST = 255
# The golden vectors take at most this long at boot, on the slowest board.
GOLDEN_MS = 1000

TaskName = Literal["regression", "classification", "anomaly"]
Rule = Literal["scores", "pairs", "votes"]


@dataclass(frozen=True, eq=False)
class Predictor:
    """A front end, the kind of model behind it, and what its scores mean.

    Attributes:
        features: readings to features.
        kind: features to scores.
        task: what is predicted.
        exponent: a score stands for `score * 10**exponent`.
        rule: of a classification, see above.
        threshold: of an anomaly, in steps of the score.
        classes: names of the classes, in order; empty unless a classification.
        report: float against integer, where it was made from a fitted estimator.
        examples: integer readings (n, c) for the golden vectors.
    """

    features: Features
    kind: Kind
    task: TaskName
    exponent: int = 0
    rule: Rule = "scores"
    threshold: int = 0
    classes: tuple[str | int | bool, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    examples: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if len(self.features.channels) != self.kind.features:
            raise QuantizeError(
                f"{len(self.features.channels)} channels for a model of {self.kind.features} features"
            )
        if isinstance(self.kind, Dense) and (
            self.kind.input_low > -SATURATION or self.kind.input_high < SATURATION
        ):
            raise QuantizeError("the network must take all 16-bit features")
        if self.task not in TASKS or self.rule not in RULES or abs(self.exponent) > EXPONENT_MOST:
            raise QuantizeError("there is no such task, rule or exponent")
        if abs(self.threshold) >= ACCUMULATOR_LIMIT or not 1 <= self.scores_count <= 255:
            raise QuantizeError("the threshold or the number of scores does not fit its type")
        count = len(self.classes)
        pairs = count * (count - 1) // 2
        if self.task != "classification":
            fits = self.rule == "scores" and not count and (self.task == "regression" or self.outputs == 1)
        elif self.rule == "votes":
            fits = isinstance(self.kind, Neighbours) and bool(
                self.kind.targets.min() >= 0 and self.kind.targets.max() < count
            )
        else:
            fits = self.outputs == (pairs if self.rule == "pairs" else count)
            fits |= self.rule == "scores" and self.outputs == 1 and count == 2
        if not fits or (self.task == "classification" and not 2 <= count <= CLASSES_MOST):
            raise QuantizeError(f"{self.outputs} scores do not make a {self.task} of {count} classes")

    @property
    def outputs(self) -> int:
        """Number of scores that the kind gives."""
        return 1 if isinstance(self.kind, Neighbours) else int(self.kind.outputs)

    @property
    def scores_count(self) -> int:
        """Number of scores, the votes of neighbours counted as such."""
        return len(self.classes) if self.rule == "votes" else self.outputs

    @property
    def macs(self) -> int:
        """Multiplications of one prediction."""
        return self.kind.macs

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one prediction; see `canbean.tiny.cost`."""
        return self.features.calls + self.kind.calls

    @property
    def board_ms(self) -> float:
        """Estimated milliseconds of one prediction on an ESP8266 at 80 MHz; see `canbean.tiny.cost`."""
        return cost.estimated_ms(self.macs, self.calls)

    def scores(self, readings: ArrayLike) -> NDArray[np.int64]:
        """Integer readings (n, c), see `Features.readings`, to scores (n, scores)."""
        x = self.features.apply(readings)
        if not isinstance(self.kind, Neighbours):
            return self.kind.run(x)
        if self.rule != "votes":
            return self.kind.predict(x)[:, None]
        votes = self.kind.targets[self.kind.nearest(x)]
        return np.stack([(votes == c).sum(axis=1) for c in range(len(self.classes))], axis=1)

    def predict(self, readings: ArrayLike) -> NDArray[np.int64]:
        """Integer readings (n, c) to what a board answers, (n, answers).

        Returns:
            Regression: the scores. Classification: the number of the class and the margin. Anomaly: score and flag.
        """
        scores = self.scores(readings)
        if self.task == "regression":
            return scores
        if self.task == "anomaly":
            return np.column_stack([scores[:, 0], scores[:, 0] > self.threshold])
        if self.rule == "pairs":
            return self._by_pairs(scores)
        if scores.shape[1] == 1:
            scores = np.column_stack([np.zeros(len(scores), np.int64), scores])
        first = scores.argmax(axis=1)
        best = scores.max(axis=1)
        others = np.where(np.arange(scores.shape[1]) == first[:, None], np.iinfo(np.int64).min, scores)
        return np.column_stack([first, best - others.max(axis=1)])

    def _by_pairs(self, scores: NDArray[np.int64]) -> NDArray[np.int64]:
        count = len(self.classes)
        votes = np.zeros((len(scores), count), np.int64)
        least = np.full((len(scores), count), np.iinfo(np.int64).max)
        for column, (i, j) in zip(scores.T, itertools.combinations(range(count), 2), strict=True):
            votes[:, i] += column > 0
            votes[:, j] += column <= 0
            least[:, i] = np.minimum(least[:, i], column)
            least[:, j] = np.minimum(least[:, j], -column)
        first = votes.argmax(axis=1)
        return np.column_stack([first, least[np.arange(len(scores)), first]])

    def answer(self, values: ArrayLike) -> NDArray[Any]:
        """Real values (n, c) to what the prediction means.

        Returns:
            Regression: numbers (n,), or (n, outputs) where there are several. Classification: names (n,). Anomaly: flags (n,).

        Raises:
            QuantizeError: a value is not finite, or the table has another number of columns.
        """
        answers = self.predict(self.features.readings(values))
        if self.task == "classification":
            return np.array(self.classes)[answers[:, 0]]
        if self.task == "anomaly":
            return answers[:, 1] > 0
        numbers = answers * 10.0**self.exponent
        return np.asarray(numbers[:, 0] if self.outputs == 1 else numbers)

    def sections(self) -> dict[str, bytes]:
        """The sections of this predictor by tag."""
        task = TASK.pack(
            *(TASKS.index(self.task), RULES.index(self.rule), self.scores_count, self.exponent),
            *(self.threshold, len(self.classes), 0),
        )
        return {"FEAT": self.features.to_bytes(), "TASK": task, self.kind.tag: self.kind.to_bytes()}

    def golden(self, readings: ArrayLike) -> bytes:
        """A GOLD section from rows of integer readings (n, c): at most 8, and at most a second's work for a board."""
        count = int(np.clip(GOLDEN_MS // max(self.board_ms, 1), 1, golden.VECTORS_MOST))
        rows = np.asarray(readings, np.int64)[:count]
        # a kind with a state begins anew with each
        return golden.of_rows(rows, [self.predict(row[None])[0].tolist() for row in rows])

    def model(self, **meta: Any) -> cbm.Model:
        """The predictor as a model file for the application `model`, with golden vectors where it has examples.

        Args:
            meta: more entries for META, such as `name` and `inputs`.

        Raises:
            ModelError: an entry has no JSON form.
        """
        said: dict[str, Any] = {"app": APP, "task": self.task, **meta}
        if self.classes:
            said["classes"] = list(self.classes)
        if self.report:
            said["quantization"] = self.report
        sections = {"META": cbm.encode_meta(said), **self.sections()}
        if self.examples is not None:
            sections["GOLD"] = self.golden(self.examples)
        return cbm.Model(sections)

    @classmethod
    def from_model(cls, model: cbm.Model, name: str = "model") -> Predictor:
        """Take the predictor out of a model file.

        Raises:
            ModelError: it holds none, more than one, a damaged one, or golden vectors that it does not answer;
                the message begins with `name`.
        """
        model.refuse_unknown({"FEAT", "TASK", *KINDS}, name)
        tags = [tag for tag in KINDS if tag in model.sections]
        if not {"FEAT", "TASK"} <= set(model.sections) or len(tags) != 1:
            raise ModelError(f"{name}: is not a predictor (FEAT, TASK and one of {', '.join(KINDS)})")
        reader = Reader(model.sections["FEAT"], f"{name}: section FEAT")
        features = Features.parse(reader)
        reader.end()
        reader = Reader(model.sections["TASK"], f"{name}: section TASK")
        task, rule, scores, exponent, threshold, count, zero = reader.struct(TASK.format[1:])
        reader.end()
        named = model.meta.get("classes", [])
        classes = tuple(named) if isinstance(named, list) else ()
        if any(not isinstance(one, str | int) for one in classes):
            raise ModelError(f"{name}: META names a class by neither text nor whole number")
        if zero or task >= len(TASKS) or rule >= len(RULES) or count != len(classes):
            raise ModelError(f"{reader.where}: there is no such task, or META names other classes")
        kind = KINDS[tags[0]].from_bytes(model.sections[tags[0]], name)
        try:
            predictor = cls(features, kind, TASKS[task], exponent, RULES[rule], threshold, classes)  # type: ignore[arg-type]
        except QuantizeError as error:
            raise ModelError(f"{name}: {error}") from error
        if predictor.scores_count != scores:
            raise ModelError(f"{reader.where}: {scores} scores, and its kind has {predictor.scores_count}")
        predictor.check(model, name)
        return predictor

    def check(self, model: cbm.Model, name: str = "model") -> None:
        """Answer the golden vectors of a model.

        Raises:
            ModelError: an answer differs.
        """
        count = len(self.features.channels)
        golden.check_rows(model, count, lambda row: self.predict(row)[0].tolist(), name)
