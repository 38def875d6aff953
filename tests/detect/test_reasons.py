"""What an alert says was expected and was seen is so: every form of words, looked up in the frames by plain code."""

from collections import Counter
from dataclasses import replace

import pytest

from canbean.can import attacks, logs, simulate
from canbean.can.frames import key_text
from canbean.detect import detectors
from canbean.detect.alerts import KINDS
from canbean.detect.fingerprint import epochs, rows_of
from canbean.detect.learn import alarm_at, learn
from canbean.detect.replay import replay
from canbean.detect.rules import Rules
from canbean.detect.windows import Clean, Traffic
from reason_cases import FORMS, Log, form_of, with_more
from rule_cases import matches

LOW = 100
"""A threshold that parts of a surprise reach alone: then they are told."""
DENIED = ["410", "218#xA", "7F0-7FF"]


def gateway_of(clean):
    """What `learn` gives, and the detectors of windows."""
    gateway = learn([clean]).gateway
    known = gateway.fingerprint
    epoch = epochs(clean.t_us, known.sleep_us)
    since = clean.t_us - clean.t_us[0]
    later = since >= 0.6 * since[-1]
    traffic = Traffic(clean, rows_of(known.keys, clean.key), epoch, known.keys)
    given = Clean(traffic, later, 0.4 * clean.span_s / 3600)
    learned = {name: detectors.module(name).learn(given) for name in ("sequence", "mixture")}
    return replace(gateway, detectors={name: one for name, one in learned.items() if one is not None})


def forms(gateway, frames, clean):
    """How often each form of words occurs, all of them looked up."""
    log, known = Log.of(frames), Log.of(clean)
    return Counter(form_of(alert, log, known) for alert in replay(gateway, frames).alerts)


@pytest.fixture(scope="module")
def clean():
    return with_more(simulate.drive(150, 3), 3)


@pytest.fixture(scope="module")
def gateway(clean):
    return gateway_of(clean)


@pytest.fixture(scope="module")
def attacked():
    return attacks.inject_all(with_more(simulate.drive(230, 4), 4, late=True), attacks.SINGLE, seed=1)[0]


def test_at_its_budget(gateway, attacked, clean):
    told = forms(gateway, attacked, clean)
    assert {kind for kind, _ in told} == set(KINDS) - {"relation"}


def test_every_form_of_words(gateway, attacked, clean):
    low = replace(gateway, fingerprint=alarm_at(gateway.fingerprint, LOW), rules=Rules.parse(deny=DENIED))
    told = forms(low, attacked, clean)
    assert set(FORMS) == set(told)
    denied = [alert for alert in replay(low, attacked).alerts if "denied" in alert.expected]
    for alert in denied:
        data = bytes.fromhex(alert.seen.split("#")[1].ljust(16, "0"))
        matched = [text for text in DENIED if matches(text, alert.key, data)]
        assert matched
        assert alert.kind == ("payload" if all("#" in text for text in matched) else "unknown-id")
        assert alert.seen.startswith(key_text(alert.key))


def test_volvo_v40(recordings):
    """A real car, and what was injected into its traffic."""
    folder = recordings / "can" / "volvo-v40"
    clean = logs.read(folder / "clean.csv.gz", to_s=75).frames
    low = gateway_of(clean)
    low = replace(low, fingerprint=alarm_at(low.fingerprint, LOW))
    told = Counter()
    for name in ("DenialOfService_lowestID", "MessageIDFuzzing_all", "PayloadFuzzing_ID_145"):
        told += forms(low, logs.read(folder / f"{name}.csv.gz", from_s=75).frames, clean)
    assert {"unknown-id", "timing", "payload", "counter", "sequence"} <= {kind for kind, _ in told}
