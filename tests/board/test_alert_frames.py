"""Alerts as CAN frames: the shipped DBC, what the firmware packs and what the host puts together again are one."""

import random

import cantools
import pytest

from canbean.board import alert_frames
from canbean.board.alert_frames import AlertFrames, BoardAlert, BusState
from canbean.can.frames import parse_key
from canbean.detect.alerts import KINDS, Alert, fields
from canbean.errors import UsageError
from firmware_drivers import load

packing = load("commands.slcan_alerts")


def random_alert(dice):
    return Alert(
        t_us=dice.randrange(1 << 40),
        key=dice.choice([None, dice.randrange(0x800), dice.randrange(1 << 29, 1 << 30)]),
        bus=0,
        detector=dice.choice(alert_frames.DETECTORS),
        kind=dice.choice(KINDS),
        bits=dice.randrange(70_000),
        threshold=dice.randrange(66_000),
        expected="",
        seen="",
        severity=dice.choice(alert_frames.SEVERITIES),
        incident=dice.randrange(70_000),
        dropped=dice.randrange(400),
    )


def packed(alert, number):
    """As the firmware packs the pairs of an alert, which are the host's."""
    return packing.alert(fields(alert), number)


def expected(alert):
    return BoardAlert(
        t_us=alert.t_us,
        key=alert.key,
        detector=alert.detector,
        kind=alert.kind,
        severity=alert.severity,
        bits=min(alert.bits, 65535),
        threshold=min(alert.threshold, 65535),
        incident=alert.incident & 65535,
        dropped=min(alert.dropped, 255),
    )


def test_words_have_the_same_numbers_everywhere():
    assert alert_frames.KINDS == KINDS
    assert ",".join(KINDS) == packing.KINDS
    assert ",".join(alert_frames.DETECTORS) == packing.DETECTORS
    assert ",".join(alert_frames.SEVERITIES) == packing.SEVERITIES
    assert ",".join(alert_frames.STATES) == packing.STATES


def test_every_detector_of_the_firmware_has_a_number():
    from canbean.board.firmware import module

    names = {row.split()[2] for row in module("gates").DETECTORS.split(",")}
    assert {"fingerprint", *names} == set(alert_frames.DETECTORS)


def test_alerts_come_back_whole():
    dice = random.Random(1)
    together = AlertFrames()
    for n in range(600):
        alert = random_alert(dice)
        parts = packed(alert, n & 255)
        found = [together.take(alert_frames.FIRST + i, data) for i, data in enumerate(parts)]
        assert found == [None, None, expected(alert)]
    assert together.missed == 0


def test_lost_frames_lose_alerts_and_are_counted():
    dice = random.Random(2)
    together = AlertFrames()
    alerts = [random_alert(dice) for _ in range(300)]
    frames = [(i, data, n) for n, alert in enumerate(alerts) for i, data in enumerate(packed(alert, n & 255))]
    kept = [one for one in frames if one[2] in {0, 299} or dice.random() > 0.1]
    whole = [n for n in range(300) if sum(one[2] == n for one in kept) == 3]
    found = [together.take(alert_frames.FIRST + i, data) for i, data, _ in kept]
    assert [one for one in found if one is not None] == [expected(alerts[n]) for n in whole]
    assert together.missed == 300 - len(whole)


def test_the_state_of_the_bus():
    together = AlertFrames()
    for state in alert_frames.STATES:
        data = packing.bus(state, 0x01020304, 70_000, 5)
        assert together.take(alert_frames.FIRST + 3, data) == BusState(0x020304, 65535, 5, state)
    assert together.take(alert_frames.FIRST + 3, b"\xff" * 8).state == "other"
    assert together.take(alert_frames.FIRST, b"short") is None


@pytest.mark.parametrize("first", [alert_frames.FIRST, 0x18FF0000, 0x1FFFFFFC])
def test_cantools_decodes_them_with_the_dbc(first):
    database = cantools.database.load_string(alert_frames.dbc_text(first))
    dice = random.Random(3)
    for n in range(50):
        alert = random_alert(dice)
        parts = packed(alert, n)
        what, subject, when = (database.decode_message(first + i, data) for i, data in enumerate(parts))
        told = expected(alert)
        assert (what["Detector"], what["Kind"], what["Severity"]) == (told.detector, told.kind, told.severity)
        assert (what["Bits"] * 16, what["Threshold"] * 16) == (told.bits, told.threshold)
        assert what["Alert"] == subject["Alert"] == when["Alert"] == n
        named = (subject["Named"], subject["Id"], subject["Extended"])
        if told.key is None:
            assert named == ("whole bus", 0, "11 bit")
        else:
            ext = "29 bit" if told.key >> 29 else "11 bit"
            assert named == ("id", told.key & 0x1FFFFFFF, ext)
        assert (subject["Incident"], subject["Dropped"]) == (told.incident, told.dropped)
        assert when["Seconds"] * 1_000_000 + when["Microseconds"] == told.t_us
    state = database.decode_message(first + 3, packing.bus("silent chip", 0x123456, 7, 8))
    assert state == {"NotShown": 0x123456, "Lost": 7, "Errors": 8, "State": "silent chip"}
    assert all(message.is_extended_frame for message in database.messages)


@pytest.mark.parametrize("first", [-4, 1, 0x1FFFFFFD, 0x20000000])
def test_ids_that_cannot_be(first):
    with pytest.raises(UsageError, match="multiple of four"):
        alert_frames.dbc_text(first)


def test_what_is_a_board_s_own():
    together = AlertFrames()
    assert [together.ours(parse_key("1FBEA500") & 0x1FFFFFFF, ext) for ext in (True, False)] == [True, False]
    assert [together.ours(0x1FBEA4FF + n, True) for n in range(6)] == [False, True, True, True, True, False]
