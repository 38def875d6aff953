# Readings to a number, a class or a flag; allocates nothing once it stands.
# The layout of TASK and the rules are in the host's canbean.tiny.predictor.
import struct
from array import array

from .features import Features
from .kinds import load

CLASSIFICATION, ANOMALY = 1, 2
PAIRS, VOTES = 1, 2
FAR = 0x3FFFFFFF


class Predictor:
    # `sections`: the content of FEAT, TASK and of one kind by tag
    def __init__(self, sections):
        self.front = Features(sections["FEAT"])
        if self.front.size != len(sections["FEAT"]):
            raise ValueError("section FEAT does not hold what it says")
        head = struct.unpack_from("<BBBbiH", sections["TASK"])
        self.task, self.rule, self.scores, self.exponent, self.threshold, self.classes = head
        self.kind = load(sections)
        self.channels = self.front.channels
        if self.kind.features != self.channels:
            raise ValueError("channels and features differ")
        if self.rule == VOTES and not hasattr(self.kind, "nearest"):
            raise ValueError("section TASK does not fit the kind")
        self.decimals = self.front.decimals
        # most kinds read their features from a buffer of their own
        self.features = getattr(self.kind, "given", None) or array("h", bytes(2 * self.channels))
        self.width = getattr(self.kind, "width", 2)
        # whoever writes the readings here, within +-2**28, spares a copy
        self.given = self.front.given
        self.answers = array("i", bytes(4 * max(self.scores, 2)))
        # how many of them count
        self.count = 2 if self.task else self.scores
        self.votes = array("H", bytes(2 * self.classes))

    # `readings`: an integer a channel, round(value * 10**decimals). The buffer with the answers; it is valid until
    # the next call.
    def predict(self, readings):
        self.front.apply(readings, self.features, self.width)
        answers, kind = self.answers, self.kind
        if self.rule == VOTES:
            kind.predict(self.features)
            votes = self.votes
            for i in range(self.classes):
                votes[i] = 0
            for i in range(kind.k):
                votes[kind.targets[kind.nearest[i]]] += 1
            self._largest(votes)
        elif self.scores == 1:
            score = kind.predict(self.features)
            answers[0] = score
            if self.task == ANOMALY:
                answers[1] = 1 if score > self.threshold else 0
            elif self.task == CLASSIFICATION:
                answers[0] = 1 if score > 0 else 0
                answers[1] = score if score > 0 else -score
        elif self.rule == PAIRS:
            self._pairs(kind.run(self.features))
        elif self.task == CLASSIFICATION:
            self._largest(kind.run(self.features))
        else:
            scores = kind.run(self.features)
            for i in range(self.scores):
                answers[i] = scores[i]
        return answers

    def _largest(self, scores):
        first = 0
        for i in range(1, self.classes):
            if scores[i] > scores[first]:
                first = i
        margin = FAR
        for i in range(self.classes):
            if i != first and scores[first] - scores[i] < margin:
                margin = scores[first] - scores[i]
        self.answers[0] = first
        self.answers[1] = margin

    def _pairs(self, scores):
        votes, classes = self.votes, self.classes
        for i in range(classes):
            votes[i] = 0
        at = 0
        for i in range(classes):
            for j in range(i + 1, classes):
                votes[i if scores[at] > 0 else j] += 1
                at += 1
        first = 0
        for i in range(1, classes):
            if votes[i] > votes[first]:
                first = i
        margin = FAR
        at = 0
        for i in range(classes):
            for j in range(i + 1, classes):
                score = scores[at] if i == first else -scores[at]
                if (i == first or j == first) and score < margin:
                    margin = score
                at += 1
        self.answers[0] = first
        self.answers[1] = margin
