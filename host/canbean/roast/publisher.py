"""A meter's readings to an MQTT broker (3.1.1), over paho-mqtt, the extra `mqtt`."""

from __future__ import annotations

import contextlib
import importlib
import queue
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from canbean.errors import BrokerError, UsageError
from canbean.roast.mqtt import PASSWORD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from canbean.roast.mqtt import Broker, Message, Meter

WAITING = 1000
"""Messages kept while the broker is away; what comes then is counted and dropped."""
KEEPALIVE_S = 30
"""A client that is silent for one and a half times that is gone, and the broker says so."""
GOODBYE_S = 2.0


def paho() -> Any:
    """The module `paho.mqtt.client`.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module("paho.mqtt.client")
    except ImportError as error:
        raise UsageError("paho-mqtt is missing: pip install paho-mqtt") from error


class Publisher:
    """Publishes each reading it is called with; never waits for the broker, and goes on when it comes back.

    Attributes:
        dropped: messages that had no room while the broker was away.
    """

    def __init__(
        self,
        broker: Broker,
        meter: Meter,
        timeout: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Connect, and make the meter known.

        Raises:
            UsageError: paho-mqtt is not installed.
            BrokerError: nobody answers there, or the broker says no.
        """
        module = paho()
        self.dropped = 0
        self._meter = meter
        self._now = now
        self._full = module.MQTT_ERR_QUEUE_SIZE
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._client = module.Client(
            module.CallbackAPIVersion.VERSION2,
            client_id=f"canbean-{secrets.token_hex(4)}",
            protocol=module.MQTTv311,
        )
        self._client.max_queued_messages_set(WAITING)
        self._client.reconnect_delay_set(1, 30)
        self._client.connect_timeout = timeout
        will = meter.farewell()
        self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        if broker.user is not None:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            self._client.tls_set()
        self._client.on_connect = self._connected
        where = f"{broker.host}:{broker.port}"
        try:
            self._client.connect(broker.host, broker.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BrokerError(f"{where}: no MQTT broker there: {reason}") from None
        self._client.loop_start()
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            self._stop()
            raise BrokerError(f"{where}: does not answer as an MQTT broker within {timeout:g} s") from None
        if answer.is_failure:
            self._stop()
            raise BrokerError(
                f"{where}: the broker says {answer}: is the user right, and the password in {PASSWORD_VARIABLE}?"
            )

    def __call__(self, reading: Mapping[str, Any]) -> None:
        """Publish a board's reading."""
        for message in self._meter.reading(reading, self._now()):
            self._publish(message)

    def close(self) -> None:
        """Say that the meter is gone, and go."""
        # a broker that is away has said it by the will
        with contextlib.suppress(RuntimeError, ValueError):
            self._publish(self._meter.farewell()).wait_for_publish(GOODBYE_S)
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _publish(self, message: Message) -> Any:
        info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        self.dropped += info.rc == self._full
        return info

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        # at every connection: a broker may have forgotten what it retained
        if not reason.is_failure:
            for message in self._meter.greeting():
                self._publish(message)
        self._answers.put(reason)

    def _stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
