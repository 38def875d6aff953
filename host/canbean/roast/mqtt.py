"""What a roast meter says over MQTT, as pure data: Home Assistant's discovery, the state, and an event a cup.

Topics, under the one that the user gives (`canbean/roast`):

* `TOPIC/state`, retained: the last reading as one JSON object, which Artisan's MQTT device reads too (a JMESPath node names
  one of its keys);
* `TOPIC/event`, not retained: one object a cup;
* `TOPIC/availability`, retained: `online`, or `offline`, which is also the client's last will;
* `homeassistant/…/config`, retained: what Home Assistant makes its entities of.

Roast values are single samples, so no entity has a `state_class`: Home Assistant would keep statistics of them otherwise.

Sources: home-assistant.io, MQTT (discovery), MQTT sensor, MQTT event; artisan-scope.org, devices, MQTT.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from canbean import __version__
from canbean.errors import UsageError
from canbean.roast.reading import OK, WHY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PASSWORD_VARIABLE = "CANBEAN_MQTT_PASSWORD"  # noqa: S105 - its name
"""Environment variable of the broker's password: command lines are seen by everybody on a machine."""

DISCOVERY = "homeassistant"
ONLINE, OFFLINE = "online", "offline"
NEW_CUP_S = 5.0
"""A reading after so many seconds without one is a cup of its own, as is one after the meter was empty."""
KEYS = ("value", "low", "high", "degree", "quality", "stale", "celsius")
"""Of a reading, in the state and in the events, where the reading has them."""
QUALITIES = (OK, *WHY)


class Message(NamedTuple):
    """One message to publish, with quality of service 1."""

    topic: str
    payload: str
    retain: bool


@dataclass(frozen=True)
class Broker:
    """Where to publish. The password is not part of what is shown.

    Attributes:
        host: name or address.
        port: of its TCP.
        topic: under which everything is published, but the discovery.
        user: name to log in with, None without.
        password: to log in with, None without.
        tls: whether the connection is encrypted and the broker's certificate checked.
    """

    host: str
    port: int
    topic: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    @classmethod
    def parse(cls, url: str, password: str | None = None) -> Broker:
        """Read `mqtt://[USER@]HOST[:PORT][/TOPIC]`; `mqtts://` for TLS.

        Raises:
            UsageError: it is no such URL, holds a password, or its topic cannot be published to.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            # its text may hold a password
            raise UsageError("--mqtt: no URL such as mqtt://user@host:1883/canbean/roast") from None
        if parts.password is not None:
            raise UsageError(f"--mqtt: leave the password out of the URL: put it into {PASSWORD_VARIABLE}")
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or {"?", "#"} & set(url):
            raise UsageError("--mqtt: no URL such as mqtt://user@host:1883/canbean/roast")
        topic = parts.path.strip("/") or "canbean/roast"
        # MQTT 3.1.1, 4.7: wildcards and names of the broker's own are not published to
        if re.search(r"[+#\x00-\x1f]", topic) or topic.startswith("$") or len(topic.encode()) > 200:
            raise UsageError(f"--mqtt: topic {topic!r}: no +, # or $ and at most 200 bytes")
        if password is not None and not parts.username:
            raise UsageError(f"--mqtt: {PASSWORD_VARIABLE} is set, but the URL has no user: mqtt://USER@host")
        tls = parts.scheme == "mqtts"
        return cls(
            parts.hostname, port or (8883 if tls else 1883), topic, parts.username or None, password, tls
        )


class Meter:
    """One meter's messages.

    Attributes:
        topic: under which it publishes.
        availability: topic of its availability, for the last will.
    """

    def __init__(self, topic: str, name: str = "Roast meter", hello: Mapping[str, Any] | None = None) -> None:
        """A meter that has published nothing yet.

        Args:
            topic: under which it publishes; meters of one broker need topics of their own.
            name: as Home Assistant shows it.
            hello: the board's, which says what it is and runs; may be filled in later.
        """
        self.topic = topic
        self.availability = f"{topic}/availability"
        self._name = name
        self._hello: Mapping[str, Any] = {} if hello is None else hello
        self._told: dict[str, Any] = {}
        # Home Assistant takes these characters in a topic of the discovery
        self._id = "roastmeter_" + re.sub(r"[^a-zA-Z0-9_-]", "_", topic)
        self._seen: tuple[str, int] | None = None
        self._last: dict[str, Any] = {}
        self._before: tuple[str, datetime] | None = None
        self._measured: str | None = None
        self._cups = 0

    def greeting(self) -> list[Message]:
        """What is published at each connection: the entities, then that the meter is there."""
        self._told = self._device()
        shared = {
            "availability_topic": self.availability,
            "device": self._told,
            "origin": {"name": "canbean", "sw_version": __version__},
        }
        state = f"{self.topic}/state"
        sensors: dict[str, dict[str, Any]] = {
            "value": {"name": "Roast", "icon": "mdi:coffee", "json_attributes_topic": state},
            "degree": {"name": "Degree of roast", "icon": "mdi:coffee-maker"},
            "measured": {"name": "Last measurement", "device_class": "timestamp"},
            "quality": {
                "name": "Reading",
                "device_class": "enum",
                "options": list(QUALITIES),
                "entity_category": "diagnostic",
            },
            "celsius": {
                "name": "Sensor temperature",
                "device_class": "temperature",
                "unit_of_measurement": "°C",
                "entity_category": "diagnostic",
            },
        }
        entities = {
            ("sensor", key): {
                **about,
                "state_topic": state,
                # a null becomes None, which Home Assistant shows as unknown
                "value_template": f"{{{{ value_json.{key} }}}}",
            }
            for key, about in sensors.items()
        }
        entities["event", "cup"] = {
            "name": "Cup",
            "icon": "mdi:cup",
            "state_topic": f"{self.topic}/event",
            "event_types": ["measured"],
        }
        configs = [
            Message(
                f"{DISCOVERY}/{kind}/{self._id}/{key}/config",
                _json({**about, "unique_id": f"{self._id}_{key}", **shared}),
                retain=True,
            )
            for (kind, key), about in entities.items()
        ]
        return [*configs, Message(self.availability, ONLINE, retain=True)]

    def _device(self) -> dict[str, Any]:
        board, firmware = self._hello.get("board"), self._hello.get("firmware")
        return {
            "identifiers": [self._id],
            "name": self._name,
            "manufacturer": "canbean",
            "model": f"roast meter on {board}" if board else "roast meter",
            "sw_version": str(firmware or __version__),
        }

    def reading(self, reading: Mapping[str, Any], at: datetime) -> list[Message]:
        """What a reading is worth publishing.

        Args:
            reading: a board's `reading`, by key.
            at: when it came, with its time zone.

        Returns:
            The new state, and an event where a cup begins; nothing for a reading that was published before; first of all
            the entities, where the board has come to say what it is.
        """
        boot, seq = str(reading.get("boot", "")), reading.get("seq")
        if seq is not None:
            if self._seen is not None and self._seen[0] == boot and seq <= self._seen[1]:
                return []
            self._seen = boot, seq
        elif reading.get("t") is not None:
            # a line without its number: the meter tells its last reading again until it has another
            if reading == self._last:
                return []
            self._last = dict(reading)
        said = {key: reading.get(key) for key in KEYS}
        fresh = said["quality"] == OK and (
            self._before is None
            or self._before[0] != OK
            or (at - self._before[1]).total_seconds() >= NEW_CUP_S
        )
        self._before = str(said["quality"]), at
        if said["quality"] == OK:
            self._measured = at.isoformat(timespec="seconds")
        self._cups += fresh
        state = {**said, "measured": self._measured, "cup": self._cups}
        anew = self._told and self._told != self._device()
        messages = self.greeting() if anew else []
        messages.append(Message(f"{self.topic}/state", _json(state), retain=True))
        if fresh:
            # unlike the cup's number, these stay unique when this program starts again
            sample = f"{boot}-{seq}" if seq is not None else at.isoformat(timespec="milliseconds")
            event = {"event_type": "measured", "sample": sample, **state}
            messages.append(Message(f"{self.topic}/event", _json(event), retain=False))
        return messages

    def farewell(self) -> Message:
        """What the broker says when the client is gone, and the client before it goes."""
        return Message(self.availability, OFFLINE, retain=True)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
