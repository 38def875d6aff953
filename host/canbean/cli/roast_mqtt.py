"""Option `--mqtt` of the roast verbs that show a meter's readings."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.cli.output import note
from canbean.roast import mqtt
from canbean.roast.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MqttUrl = Annotated[
    str | None,
    typer.Option(
        "--mqtt",
        metavar="mqtt://USER@HOST/TOPIC",
        help="Publish readings to this broker, for Home Assistant and Artisan; "
        f"the password in the environment variable {mqtt.PASSWORD_VARIABLE}.",
    ),
]


@contextmanager
def publishing(url: str, hello: Mapping[str, Any], name: str = "Roast meter") -> Iterator[Publisher]:
    """Something to call with each reading, until the block ends.

    Args:
        url: what `--mqtt` was given.
        hello: of the board that reads.
        name: of the meter, as Home Assistant shows it.

    Raises:
        UsageError: it is no such URL, or paho-mqtt is not installed.
        BrokerError: no broker answers, or it says no.
    """
    broker = mqtt.Broker.parse(url, os.environ.get(mqtt.PASSWORD_VARIABLE))
    with Publisher(broker, mqtt.Meter(broker.topic, name, hello)) as publisher:
        try:
            yield publisher
        finally:
            if publisher.dropped:
                note(f"{publisher.dropped} messages were dropped while the MQTT broker was away")
