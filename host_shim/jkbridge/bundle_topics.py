"""What bridge and packs have said of themselves at the broker: heard for some seconds by a client of its own."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import paho.mqtt.client as paho

from jkbridge import mqtt_errors
from jkbridge.mqtt_client import new_client

_LONGEST = 65536
_CONNECT_S = 5.0
_TOPICS = ("bridge/state", "bridge/info", "bridge/health", "+/availability", "+/about", "+/link")


def heard(mqtt: dict[str, Any], base: str, wait: float) -> tuple[dict[str, tuple[str, bool]], str]:
    """{topic: (its last payload, whether it was retained)}, and a sentence when the broker could not be used.

    mqtt: the [mqtt] table; wait: seconds to listen. Ends as soon as the bridge and every pack that is online have said
    all there is.
    """
    messages: dict[str, tuple[str, bool]] = {}
    changed = threading.Condition()
    refused: list[str] = []

    def on_connect(client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            refused.append(mqtt_errors.refused(mqtt, str(reason)))
            with changed:
                changed.notify()
            return
        client.subscribe([(f"{base}/{topic}", 0) for topic in _TOPICS])

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        with changed:
            payload = message.payload[:_LONGEST].decode("utf-8", "replace")
            # A retained topic said anew meanwhile comes without the mark: the broker keeps it all the same.
            retained = bool(message.retain) or messages.get(message.topic, ("", False))[1]
            messages[message.topic] = (payload, retained)
            changed.notify()

    client = new_client(mqtt, "bundle", _CONNECT_S)
    client.on_connect = on_connect
    client.on_message = on_message
    try:
        client.connect(mqtt["host"], mqtt["port"], keepalive=60)
    except (OSError, ValueError) as e:
        return {}, _once(mqtt_errors.connect_failed(mqtt, e))
    client.loop_start()
    end = time.monotonic() + wait
    with changed:
        while not refused and not _complete(messages, base) and (left := end - time.monotonic()) > 0:
            changed.wait(left)
    client.disconnect()
    client.loop_stop()
    return messages, _once(refused[0]) if refused else ""


def _complete(messages: dict[str, tuple[str, bool]], base: str) -> bool:
    """True when the bridge has sent its counters, and every pack that is online its own."""
    if f"{base}/bridge/health" not in messages or f"{base}/bridge/info" not in messages:
        return False
    packs = [t.rsplit("/", 1)[0] for t, (p, _) in messages.items() if t.endswith("/availability") and p == "online"]
    return bool(packs) and all(f"{pack}/link" in messages for pack in packs)


def _once(sentence: str) -> str:
    """A sentence of mqtt_errors for somebody who does not try again."""
    return re.sub(r"\s*Trying again[^.]*\.", "", sentence)
