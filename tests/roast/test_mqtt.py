"""What is said over MQTT, as data."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import UsageError
from canbean.roast import mqtt, quality

AT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
HELLO = {"app": "roastmeter", "firmware": "0.1.0", "board": "wemos-d1-mini"}


def reading(seq, quality="ok", value=87.3, boot="00c0ffee"):
    ok = quality == "ok"
    return {
        "type": "reading",
        "boot": boot,
        "seq": seq,
        "t": seq / 2,
        **{
            key: (number if ok else None) for key, number in (("value", value), ("low", 84.1), ("high", 90.5))
        },
        "degree": "medium" if ok else None,
        "quality": quality,
        "stale": False,
        "raw": [5123, 18400, 2731],
        "counts": [9000, 70000],
        "celsius": 27.31,
        "crc": "0",
    }


def states(messages):
    return [json.loads(m.payload) for m in messages if m.topic.endswith("/state")]


def events(messages):
    return [json.loads(m.payload) for m in messages if m.topic.endswith("/event")]


def test_home_assistant_finds_the_meter():
    meter = mqtt.Meter("kitchen/roast", "Röstmeter", HELLO)
    *configs, online = meter.greeting()
    assert online == ("kitchen/roast/availability", "online", True)
    assert meter.farewell() == ("kitchen/roast/availability", "offline", True)
    assert [m.topic for m in configs] == [
        *(
            f"homeassistant/sensor/roastmeter_kitchen_roast/{key}/config"
            for key in ("value", "degree", "measured", "quality", "celsius")
        ),
        "homeassistant/event/roastmeter_kitchen_roast/cup/config",
    ]
    assert all(m.retain and "Röstmeter" in m.payload for m in configs)
    found = [json.loads(m.payload) for m in configs]
    assert len({about["unique_id"] for about in found}) == len(found)
    for about in found:
        assert about["device"]["identifiers"] == ["roastmeter_kitchen_roast"]
        assert about["device"]["model"] == "roast meter on wemos-d1-mini"
        assert about["availability_topic"] == online.topic
        assert about["origin"]["name"] == "canbean"
        # single samples have no statistics
        assert "state_class" not in about
    (state,) = states(meter.reading(reading(1), AT))
    for about in found[:-1]:
        assert about["state_topic"] == "kitchen/roast/state"
        (key,) = re.fullmatch(r"\{\{ value_json\.(\w+) \}\}", about["value_template"]).groups()
        assert key in state
    assert found[2]["device_class"] == "timestamp"
    assert set(found[3]["options"]) >= {"ok", "empty", "dirty window"}
    assert found[-1]["event_types"] == ["measured"]


def test_the_state_is_one_object_that_a_jmespath_node_reads():
    first, event = mqtt.Meter("canbean/roast").reading(reading(1), AT)
    assert first == ("canbean/roast/state", first.payload, True)
    assert json.loads(first.payload) == {
        "value": 87.3,
        "low": 84.1,
        "high": 90.5,
        "degree": "medium",
        "quality": "ok",
        "stale": False,
        "celsius": 27.31,
        "measured": "2026-11-26T10:00:00+00:00",
        "cup": 1,
    }
    assert event == ("canbean/roast/event", event.payload, False)
    assert json.loads(event.payload) == {
        "event_type": "measured",
        "sample": "00c0ffee-1",
        **json.loads(first.payload),
    }


def test_a_cup_is_one_event_and_a_replay_none():
    meter = mqtt.Meter("canbean/roast")
    steps = [
        (1, "empty"),
        (2, "not settled"),
        (3, "ok"),
        (4, "ok"),
        (4, "ok"),
        (3, "ok"),
        (5, "empty"),
        (6, "ok"),
    ]
    said = [meter.reading(reading(seq, quality), AT + timedelta(seconds=seq)) for seq, quality in steps]
    assert [len(states(messages)) for messages in said] == [1, 1, 1, 1, 0, 0, 1, 1]
    assert [[e["sample"] for e in events(messages)] for messages in said] == [
        *([], [], ["00c0ffee-3"], [], [], [], [], ["00c0ffee-6"]),
    ]
    assert states(said[0])[0]["measured"] is None
    assert states(said[6])[0] == {
        **dict.fromkeys(("value", "low", "high", "degree")),
        "quality": "empty",
        "stale": False,
        "celsius": 27.31,
        "measured": "2026-11-26T10:00:04+00:00",
        "cup": 1,
    }
    # single readings, far apart, are cups of their own; so is the first after the meter was switched off
    assert len(events(meter.reading(reading(7), AT + timedelta(seconds=60)))) == 1
    assert len(states(meter.reading(reading(0, "empty", boot="0badcafe"), AT + timedelta(seconds=61)))) == 1
    assert len(events(meter.reading(reading(1, boot="0badcafe"), AT + timedelta(seconds=62)))) == 1


def test_a_reading_without_numbers_of_lines_is_taken():
    bare = {"value": 87.3, "quality": "ok"}
    first, second = (mqtt.Meter("m").reading(bare, AT + timedelta(seconds=s)) for s in (0, 1))
    assert states(first)[0]["low"] is None
    assert events(first)[0]["sample"] != events(second)[0]["sample"]


def test_what_serve_gives_it_has_no_numbers_of_lines():
    meter = mqtt.Meter("m")
    bare = {"t": 4.5, "value": 87.3, "quality": "ok", "counts": [9000, 70000], "why": ""}
    said = [
        meter.reading({**bare, "t": t}, AT + timedelta(seconds=s)) for s, t in enumerate((4.5, 4.5, 5.5, 5.5))
    ]
    assert [len(messages) for messages in said] == [2, 0, 1, 0]


def test_a_board_that_says_later_what_it_is_is_announced_again():
    hello = {}
    meter = mqtt.Meter("m", hello=hello)
    assert json.loads(meter.greeting()[0].payload)["device"]["model"] == "roast meter"
    assert len(meter.reading(reading(1), AT)) == 2
    hello.update(HELLO)
    again = meter.reading(reading(2), AT)
    assert len(again) == 8
    assert json.loads(again[0].payload)["device"]["model"] == "roast meter on wemos-d1-mini"
    assert len(meter.reading(reading(3), AT)) == 1


def test_home_assistant_knows_every_quality():
    assert {*quality.QUALITY} <= {*mqtt.QUALITIES}


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("mqtt://broker", mqtt.Broker("broker", 1883, "canbean/roast")),
        ("mqtt://me@10.0.0.2:1884/kitchen/roast/", mqtt.Broker("10.0.0.2", 1884, "kitchen/roast", "me")),
        ("mqtts://me@broker/a", mqtt.Broker("broker", 8883, "a", "me", tls=True)),
        ("mqtt://[::1]:1883/a b", mqtt.Broker("::1", 1883, "a b")),
    ],
)
def test_brokers(url, wanted):
    assert mqtt.Broker.parse(url) == wanted


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "broker",
            "http://broker",
            "mqtt://",
            "mqtt://broker:99999",
            "mqtt://broker:x",
            "mqtt://broker/a?b=c",
        ),
        *("mqtt://broker/a/+/b", "mqtt://broker/a/#", "mqtt://broker/$SYS/a", "mqtt://me:hunter2@broker/a"),
        *("mqtt://me:hunter2@broker:x/a", "mqtt://broker/" + "a" * 201, "mqtt://[::1/a"),
    ],
)
def test_bad_urls_are_said_without_what_they_may_hide(url):
    with pytest.raises(UsageError, match="--mqtt") as caught:
        mqtt.Broker.parse(url)
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_password_is_not_shown():
    broker = mqtt.Broker.parse("mqtt://me@broker", "hunter2")
    assert broker.password == "hunter2"
    assert "hunter2" not in repr(broker)
    with pytest.raises(UsageError, match=mqtt.PASSWORD_VARIABLE):
        mqtt.Broker.parse("mqtt://broker", "hunter2")


@given(st.text(max_size=40))
def test_any_url_is_a_broker_or_one_line(url):
    try:
        broker = mqtt.Broker.parse("mqtt://" + url)
    except UsageError:
        return
    assert broker.topic
    assert 0 < broker.port < 65536
