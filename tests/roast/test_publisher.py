"""The real paho client against a small broker."""

import json
import socket
import sys
from datetime import UTC, datetime

import pytest

from canbean.cli.roast_mqtt import publishing
from canbean.errors import BrokerError, UsageError
from canbean.roast import mqtt, publisher
from canbean.roast.publisher import Publisher
from mqtt_broker import Broker

AT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
HELLO = {"app": "roastmeter", "board": "wemos-d1-mini", "firmware": "0.1.0"}


def reading(seq, quality="ok"):
    return {"boot": "00c0ffee", "seq": seq, "quality": quality, "value": 87.3 if quality == "ok" else None}


def opened(broker, user=None, password=None, **options):
    where = mqtt.Broker("127.0.0.1", broker.port, "canbean/roast", user, password)
    return Publisher(where, mqtt.Meter("canbean/roast"), now=lambda: AT, **options)


def topics(broker):
    return [topic for topic, _, _, _ in broker.seen]


def test_a_reading_reaches_who_listens_and_who_comes_later():
    with Broker() as broker:
        late = []
        with opened(broker) as publish:
            publish(reading(1))
            publish(reading(1))
            assert broker.wait(lambda: "canbean/roast/event" in topics(broker))
            listener = publisher.paho().Client(publisher.paho().CallbackAPIVersion.VERSION2)
            listener.on_message = lambda _client, _data, message: late.append(message)
            listener.connect("127.0.0.1", broker.port)
            listener.subscribe([("canbean/+/state", 1), ("canbean/roast/event", 0), ("homeassistant/#", 1)])
            listener.loop_start()
            assert broker.wait(lambda: len(late) == 7)
            publish(reading(2, "empty"))
            assert broker.wait(lambda: topics(broker).count("canbean/roast/state") == 2)
        assert broker.wait(lambda: broker.seen[-1][:2] == ("canbean/roast/availability", b"offline"))
        listener.disconnect()
        listener.loop_stop()
    # retained: the state and six entities; then the next state; an event is not kept
    assert len(late) == 8
    assert [m.retain for m in late] == [True] * 7 + [False]
    assert json.loads(late[-1].payload)["quality"] == "empty"
    assert topics(broker).count("canbean/roast/event") == 1
    assert {qos for _, _, qos, _ in broker.seen} == {1}
    assert broker.retained["canbean/roast/availability"] == b"offline"


def test_the_broker_tells_of_a_client_that_is_cut_off_and_greets_it_again():
    with Broker() as broker, opened(broker) as publish:
        publish(reading(1))
        assert broker.wait(lambda: "canbean/roast/event" in topics(broker))
        broker.cut()
        assert broker.wait(lambda: broker.retained["canbean/roast/availability"] == b"offline")
        # what is read meanwhile is not lost
        publish(reading(2, "empty"))
        assert broker.wait(lambda: topics(broker).count("canbean/roast/state") == 2)
        assert broker.wait(lambda: broker.retained["canbean/roast/availability"] == b"online")
        assert len(broker.clients) == 2
        assert publish.dropped == 0


def test_a_queue_that_is_full_is_counted(monkeypatch):
    monkeypatch.setattr(publisher, "WAITING", 10)
    broker = Broker()
    publish = opened(broker)
    assert broker.wait(lambda: len(broker.seen) == 7)
    broker.close()
    for seq in range(20):
        publish(reading(seq, "empty"))
    # ten are kept; the first may still leave, and acknowledgements of the greeting may not have come, when the line is cut
    assert 9 <= publish.dropped <= 17
    publish.close()


def test_users_and_passwords():
    with Broker("me", "hunter2") as broker:
        with opened(broker, "me", "hunter2"):
            pass
        with pytest.raises(BrokerError, match="CANBEAN_MQTT_PASSWORD") as caught:
            opened(broker, "me", "hunter3")
        assert "hunter" not in str(caught.value)
        with pytest.raises(BrokerError, match="ot authorized"):
            opened(broker)


def test_nobody_there(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        silent = type("Silent", (), {"port": free.getsockname()[1]})
        with pytest.raises(BrokerError, match=f"127.0.0.1:{silent.port}: does not answer"):
            opened(silent, timeout=0.3)
    with pytest.raises(BrokerError, match="no MQTT broker there"):
        opened(silent)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(UsageError, match="pip install paho-mqtt"):
        opened(silent)


def test_the_option_takes_the_password_from_the_environment(monkeypatch):
    monkeypatch.setenv(mqtt.PASSWORD_VARIABLE, "hunter2")
    with Broker("me", "hunter2") as broker:
        with publishing(f"mqtt://me@127.0.0.1:{broker.port}/kitchen", HELLO, "Kitchen") as publish:
            publish(reading(1))
            assert broker.wait(lambda: "kitchen/event" in topics(broker))
        config = json.loads(broker.retained["homeassistant/sensor/roastmeter_kitchen/value/config"])
    assert config["device"]["name"] == "Kitchen"
    assert not any(b"hunter2" in payload for _, payload, _, _ in broker.seen)
