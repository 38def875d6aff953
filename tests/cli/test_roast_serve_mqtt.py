"""`canbean roast serve --mqtt` from the meter to whoever listens."""

import importlib.util
import json
import os
import signal
import subprocess
import sys

import pytest

from canbean.roast.mqtt import PASSWORD_VARIABLE
from mqtt_broker import Broker


@pytest.mark.skipif(
    importlib.util.find_spec("canbean.cli.roast_serve") is None, reason="there is no roast serve yet"
)
def test_readings_reach_the_broker_until_ctrl_c():
    with Broker("me", "hunter2") as broker:
        url = f"mqtt://me@127.0.0.1:{broker.port}/kitchen"
        serving = subprocess.Popen(
            [
                *(sys.executable, "-c", "from canbean.cli.main import main; main()"),
                *("roast", "serve", "--simulate", "--http", "0", "--every", "0.1", "--mqtt", url),
            ],
            env={**os.environ, PASSWORD_VARIABLE: "hunter2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            measured = broker.wait(lambda: any(topic == "kitchen/event" for topic, *_ in broker.seen), 40)
        finally:
            serving.send_signal(signal.SIGINT)
            said = serving.communicate(timeout=120)
        assert measured, said
        assert broker.wait(lambda: broker.retained["kitchen/availability"] == b"offline")
    event = next(json.loads(payload) for topic, payload, _, _ in broker.seen if topic == "kitchen/event")
    assert event["quality"] == "ok"
    assert event["low"] < event["value"] < event["high"]
    assert "hunter2" not in "".join(said)
    assert not any(b"hunter2" in payload for _, payload, _, _ in broker.seen)
