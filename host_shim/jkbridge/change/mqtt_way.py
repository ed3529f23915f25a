"""Packs reached through a running bridge: its retained topics, its commands, its results."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import paho.mqtt.client as paho

from jkbridge import mqtt_errors
from jkbridge.change.errors import FAILED, UNUSABLE, ChangeError
from jkbridge.change.facts import Facts, members
from jkbridge.change.order import Order
from jkbridge.mqtt_client import new_client
from jkcore.writes.lock import ALL

_TOPICS = ("bridge/state", "bridge/info", "bridge/result", "+/availability", "+/settings", "+/about", "+/result")
_CONNECT_S = 5.0
_LOOK_S = 3.0
"""At most so long for what the broker has kept."""
_QUIET_S = 0.4
"""Nothing more came for so long: that was all it had kept."""
_STEP_S = 27.0
"""A write may wait 10 s for its turn, and reading back takes up to 16 s (jkcore/writes/transaction.py)."""
_WAY_S = 5.0
_RETURN_S = 12.0
"""A bridge tries again 1 to 4 s after its broker was restarted, and looks for another bridge before it says online."""

Result = dict[str, Any]


class BrokerError(Exception):
    """The broker cannot be used; the text is a sentence."""


class MqttWay:
    """A session of its own at the broker of a bridge. Use close() at the end.

    mqtt: the [mqtt] table; base: first part of the topics; chemistries: by pack id, for a bridge that does not tell its
    configuration. patience: factor of all time-outs. Raises BrokerError.
    """

    level = ALL

    def __init__(
        self, mqtt: dict[str, Any], base: str, chemistries: dict[str, str], patience: float = 1.0
    ) -> None:
        self.place = mqtt_errors.place(mqtt)
        self.name = f"the bridge at {self.place}"
        self._mqtt = mqtt
        self._base = base
        self._chemistries = chemistries
        self._patience = patience
        self._changed = threading.Condition()
        self._kept: dict[str, bytes] = {}
        self._results: list[tuple[str, Result]] = []
        self._refused = ""
        self._subscribed = False
        self._lost = False
        self._last = time.monotonic()
        self._client = self._connect()
        self._look()

    # --- the session

    def _connect(self) -> paho.Client:
        mqtt = self._mqtt
        client = new_client(mqtt, "cli", _CONNECT_S)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        try:
            client.connect(mqtt["host"], mqtt["port"], keepalive=15)
        except (OSError, ValueError) as e:
            raise BrokerError(_once(mqtt_errors.connect_failed(mqtt, e))) from None
        client.loop_start()
        return client

    def _look(self) -> None:
        """Wait for what the broker has kept."""
        end = time.monotonic() + _LOOK_S + _CONNECT_S
        with self._changed:
            self._changed.wait_for(lambda: self._subscribed or self._refused or self._lost, _CONNECT_S)
            subscribed = self._subscribed
            while subscribed and (quiet := time.monotonic() - self._last) < _QUIET_S and time.monotonic() < end:
                self._changed.wait(_QUIET_S - quiet)
        if not subscribed:
            self.close()
            raise BrokerError(self._refused or f"The MQTT broker {self.place} does not answer: is it an MQTT port?")

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            with self._changed:
                self._refused = _once(mqtt_errors.refused(self._mqtt, str(reason)))
                self._changed.notify()
            return
        client.subscribe([(f"{self._base}/{topic}", 0) for topic in _TOPICS])

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, _reasons: Any, _properties: Any) -> None:
        with self._changed:
            self._subscribed = True
            self._last = time.monotonic()
            self._changed.notify()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._lost = True
            self._changed.notify()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic[len(self._base) + 1 :]
        except UnicodeDecodeError:
            return
        with self._changed:
            if message.retain:
                self._last = time.monotonic()
            if topic.endswith("/result"):
                if not message.retain:  # a kept one is nobody's answer
                    self._results.append((topic.removesuffix("/result"), members(bytes(message.payload))))
            else:
                self._kept[topic] = bytes(message.payload)
            self._changed.notify()

    # --- the bridge

    def online(self) -> bool:
        """True when a bridge is there."""
        return self._kept.get("bridge/state") == b"online"

    def wait_online(self) -> bool:
        """True when a bridge is there, or comes back soon: one that has lost its broker for a moment still asks the
        packs, and nobody else may do so meanwhile."""
        with self._changed:
            if self._kept.get("bridge/state") == b"offline":
                self._changed.wait_for(lambda: self.online() or self._lost, _RETURN_S * self._patience)
        return self.online()

    def ports(self) -> list[str]:
        """The ports it uses, as configured there."""
        return [str(bus.get("port")) for bus in self._info().get("bus") or [] if isinstance(bus, dict)]

    def _info(self) -> dict[str, Any]:
        return members(self._kept.get("bridge/info", b""))

    def _configuration(self) -> dict[str, Any]:
        found = self._info().get("configuration")
        return found if isinstance(found, dict) else {}

    def packs(self) -> list[str]:
        """Ids of the packs it knows."""
        kept = self._kept.items()
        known = [topic.split("/")[0] for topic, payload in kept if topic.endswith("/availability") and payload]
        return sorted(known, key=lambda pack: (re.sub(r"\d+$", "", pack), len(pack), pack))

    def check_writable(self) -> str:
        """What hinders changes in general: "" for nothing, else a note. ChangeError when the bridge takes none."""
        configuration = self._configuration()
        writes, unlock = configuration.get("writes"), configuration.get("unlock")
        if writes == "off" and unlock == "off":
            raise ChangeError(
                "The bridge takes no commands: `writes` and `unlock` are off in its configuration. Set writes = "
                '"safe" (or "all"), or unlock, there and start it again.'
            )
        if writes == "off":
            return (
                "writes is off at the bridge: it refuses this unless it has been unlocked. "
                f"Example: jkbridge unlock {unlock} 10"
            )
        return ""

    def facts(self, pack: str) -> Facts:
        """What the bridge has read of a pack. ChangeError when it has not."""
        settings = members(self._kept.get(f"{pack}/settings", b""))
        state = self._kept.get(f"{pack}/availability")
        if state is None:
            known = ", ".join(self.packs()) or "none"
            raise ChangeError(f"{_cap(self.name)} knows no pack {pack}. Packs there: {known}.", UNUSABLE)
        online = state == b"online"
        if not settings and not online:
            raise ChangeError(
                f"Pack {pack} is offline, and what it is set to is not known to {self.name}: check its power, cable "
                "and address. jkbridge doctor tells more."
            )
        if not settings:
            raise ChangeError(f"Pack {pack} has not told its settings to {self.name} yet: try again in a minute.")
        note = self._freshness(pack) if online else "The pack is offline: this is what it was set to when last heard."
        address = str(settings.get("device_address") or "")
        entries = self._configuration().get("pack")
        told = {str(e.get("id")): e.get("chemistry") for e in entries or [] if isinstance(e, dict)}
        return Facts(
            pack,
            int(address) if address.isdecimal() else 0,
            settings,
            members(self._kept.get(f"{pack}/about", b"")),
            str(told.get(pack) or "") or self._chemistries.get(pack),
            entries is not None,
            note,
            online,
        )

    def _freshness(self, pack: str) -> str:
        roles = {bus.get("role") for bus in self._info().get("bus") or [] if isinstance(bus, dict)}
        if "listen" in roles:
            return "As the bridge heard it last, beside a JK master. A change reads the settings anew first."
        return "As the bridge read it, at most a minute or two ago. A change reads the settings anew first."

    # --- commands

    def order(self, order: Order, steps: int) -> Result:
        """Send a group command and wait for its result. steps: how many writes it may take. ChangeError without one."""
        topic = f"{self._base}/{order.pack}/set"
        return self._send(topic, order.payload(), order.pack, order.id, (_WAY_S + _STEP_S * max(1, steps)))

    def unlock(self, text: str) -> Result:
        """Send an unlock command such as "safe 10" and wait for its result."""
        self.check_writable()
        return self._send(f"{self._base}/bridge/set/unlock", text.encode(), "bridge", "", _WAY_S + 5)

    def _send(self, topic: str, payload: bytes, pack: str, wanted: str, seconds: float) -> Result:
        with self._changed:
            self._results.clear()
            if self._lost or not self.online():
                raise ChangeError("The bridge has gone offline: nothing was sent.", FAILED)
        self._client.publish(topic, payload, qos=0)
        end = time.monotonic() + seconds * self._patience
        with self._changed:
            while True:
                for source, result in self._results:
                    if source == pack and _is_for(result, wanted):
                        return result
                if self._lost:
                    raise ChangeError(f"The connection to the MQTT broker {self.place} was lost. {_UNKNOWN}")
                if not self.online():
                    raise ChangeError(f"The bridge went offline before it told the result. {_UNKNOWN}")
                left = end - time.monotonic()
                if left <= 0:
                    raise ChangeError(
                        f"No result came from {self.name} within {seconds * self._patience:.0f} s: does it take "
                        f"commands (writes, unlock in its configuration)? {_UNKNOWN}"
                    )
                self._changed.wait(left)


_UNKNOWN = "What was changed is not known: look with jkbridge get."


def _is_for(result: Result, wanted: str) -> bool:
    """A result names the id of its command; one that was refused before it was read cannot, and names no field. (One
    that names a field is of a command for that field alone: ours are groups.)"""
    if not wanted:
        return result.get("field") == "unlock"
    nameless = not any(result.get(key) for key in ("id", "field", "fields"))
    return nameless and result.get("status") == "refused" or result.get("id") == wanted


def _once(sentence: str) -> str:
    """A sentence of mqtt_errors for somebody who does not try again."""
    return re.sub(r"\s*Trying again[^.]*\.", "", sentence)


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


