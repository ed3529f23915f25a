"""The host's MQTT session: paho-mqtt 2, MQTT 3.1.1, clean session, QoS 0, the last will on the bridge's state topic.

paho's network thread connects, reads, writes and reconnects for ever. The bridge belongs to the loop's thread
alone, so what happens on the network is queued here and told to it in `poll`.

Nothing old is sent: mqtt_flow.py limits what is on its way, so that the core holds and replaces values while a broker
stalls, and what was made for one connection never enters the next one.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import paho.mqtt.client as paho

from jkbridge import mqtt_errors
from jkbridge.clock import now_ms
from jkbridge.mqtt_flow import Flow
from jkbridge.tls import tls_context
from jkcore import log as levels
from jkcore.message import HEAD

_LONGEST = 512
"""Bytes of an incoming payload that the bridge is shown; no command is longer."""
_SEND_BUFFER = 16384
_BRIEF = 5.0
_INBOX = 1000


class _Event(NamedTuple):
    kind: str  # up, down, message
    connection: int = 0
    topic: bytes = b""
    payload: bytes = b""
    retained: bool = False
    dup: bool = False
    whole: bool = True


class Session:
    """One MQTT session for one bridge. Public methods belong to the loop's thread.

    mqtt: the [mqtt] table of the configuration. wake: called from paho's thread when `poll` has something to
    do. Raises ConfigError when certificate files cannot be used.
    """

    def __init__(
        self,
        mqtt: dict[str, Any],
        bridge: Any,
        client_id: str,
        log: Callable[[int, str], None],
        wake: Callable[[], None],
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.online = False
        self.reconnects = 0
        self.published = 0
        self._mqtt = mqtt
        self._bridge = bridge
        self._log = log
        self._wake = wake
        self._clock = clock
        self._events: deque[_Event] = deque()
        # `_line` is the connection paho has (0: none), `_using` the one the loop knows of. Publishing needs
        # both to be the same, checked under the lock: paho must not be handed a packet while it tears a
        # connection down.
        self._gate = threading.Lock()
        self._line = 0
        self._using = 0
        self._connections = 0
        self._flow = Flow()
        # An UNSUBSCRIBE from a topic nobody has is the one question of MQTT 3.1.1 that changes nothing and is answered
        # in order.
        self._question = bridge.will_topic.decode() + "/flow"
        self._said = ""
        self._refused = False
        self._attempt = False
        self._up_since = 0.0
        self._ending = False
        self._polite = False
        self._gone = threading.Event()
        self._client = self._make(mqtt["client_id"] or client_id)

    def _make(self, client_id: str) -> paho.Client:
        mqtt = self._mqtt
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
        )
        client.will_set(self._bridge.will_topic.decode(), self._bridge.will_payload, qos=0, retain=True)
        if mqtt["user"]:
            client.username_pw_set(mqtt["user"], mqtt["password"] or None)
        if mqtt["tls"]:
            client.tls_set_context(tls_context(mqtt))
        first = random.uniform(1, 2)  # the jitter that keeps many clients of a restarted broker apart
        last: Any = first * 15
        client.reconnect_delay_set(min_delay=first, max_delay=last)  # type: ignore[arg-type]
        client.connect_timeout = 5.0
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_unsubscribe = self._on_unsubscribe
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        if getattr(self._log, "level", levels.INFO) <= levels.TRACE:
            client.on_log = lambda _client, _data, _level, text: self._log(levels.TRACE, f"mqtt: {text}")
        return client

    # --- the loop's side

    def start(self) -> None:
        """Begin to connect; returns at once, connecting and reconnecting go on in paho's thread."""
        self._client.connect_async(self._mqtt["host"], self._mqtt["port"], keepalive=self._mqtt["keepalive"])
        self._client.loop_start()

    def poll(self, now: int) -> None:
        """Tell the bridge what happened since the last call."""
        while True:
            try:
                event = self._events.popleft()
            except IndexError:
                break
            if event.kind == "up":
                self._up(event.connection, now)
            elif event.kind == "message" and event.connection == self._using:
                self._bridge.received(event.topic, event.payload, event.retained, event.dup, now, event.whole)
            elif event.kind == "down" and self.online:
                self.online = False
                self._using = 0
                self._bridge.disconnected(now)
        if self._flow.stalled(self.online):
            self._log(levels.WARNING, mqtt_errors.stalled(self._mqtt))

    def ready(self) -> bool:
        """True while the session can take a message: connected, and the socket keeps up."""
        return self.online and self._flow.room()

    def publish(self, message: Any) -> None:
        """Send the bridge's message (QoS 0). It is lost when the connection just broke: the next one starts anew."""
        topic = bytes(message.buf[HEAD : message.topic_end]).decode()
        payload = bytes(message.buf[message.topic_end : message.end])
        with self._gate:
            if not self._using or self._line != self._using:
                return
            ask = self._flow.published(len(payload))
            self._client.publish(topic, payload, qos=0, retain=bool(message.retain))
            if ask:
                self._client.unsubscribe(self._question)
        self.published += 1

    def close(self, polite: bool) -> None:
        """End the session. Polite: what is queued goes out first, then DISCONNECT, at most 4 s in all.

        Otherwise the socket is dropped without a word, so that the broker publishes the last will.
        """
        self._ending = True
        self._polite = polite
        sock: Any = self._client.socket()
        if polite and self._using and self._line == self._using:
            self._until(lambda: self._flow.empty() or not self._line)
            self._client.disconnect()
            self._until(self._gone.is_set)
            return
        if sock is not None:
            with contextlib.suppress(OSError, ValueError):
                sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(Exception):
            self._client.disconnect()  # ends paho's thread; nothing can be sent any more

    @staticmethod
    def _until(condition: Callable[[], bool], seconds: float = 2.0) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)

    def _up(self, connection: int, now: int) -> None:
        topics = [(topic.decode(), 0) for topic in self._bridge.subscriptions()]
        with self._gate:
            if self._line != connection:
                return  # lost again already
            self._using = connection
            if topics:
                self._client.subscribe(topics)
        self.online = True
        if connection > 1:
            self.reconnects += 1
        self._bridge.connected(now)

    # --- paho's thread

    def _tell(self, event: _Event) -> None:
        if event.kind != "message" or len(self._events) < _INBOX:
            self._events.append(event)
        self._wake()

    def _say(self, level: int, text: str) -> None:
        """Each state once: an attempt that fails like the one before is no news."""
        self._log(levels.DEBUG if text == self._said else level, text)
        self._said = text

    def _on_socket_open(self, _client: Any, _data: Any, sock: Any) -> None:
        self._attempt = True
        # What sits in kernel buffers can not be taken back: a broker that was stopped would be handed old
        # values.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_socket_close(self, _client: Any, _data: Any, sock: Any) -> None:
        # Before paho clears its queue: nobody may add to it from here on.
        with self._gate:
            self._line = 0
        if not self._polite:
            with contextlib.suppress(OSError):  # reset instead of delivering the rest some time later
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused = True
            self._say(levels.ERROR, mqtt_errors.refused(self._mqtt, str(reason)))
            return
        self._refused = False
        with self._gate:
            self._connections += 1
            self._line = self._connections
            self._flow.reset()
        self._up_since = time.monotonic()
        self._say(levels.INFO, f"Connected to the MQTT broker {mqtt_errors.place(self._mqtt)}.")
        self._tell(_Event("up", self._connections))

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        # paho calls this while it handles the exception that tells why.
        self._say(levels.ERROR, mqtt_errors.connect_failed(self._mqtt, sys.exc_info()[1]))

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not self._attempt:
            return  # paho tells the end of one connection twice when its keepalive runs out
        self._attempt = False
        with self._gate:
            self._line = 0
        was_up = self._up_since > 0
        brief = time.monotonic() - self._up_since < _BRIEF
        self._up_since = 0.0
        self._gone.set()
        if not self._ending and not self._refused:
            self._say(levels.ERROR, mqtt_errors.lost(self._mqtt, str(reason), was_up, brief))
        self._refused = False
        self._tell(_Event("down"))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic.encode()
        except UnicodeDecodeError:
            return
        payload = bytes(message.payload[:_LONGEST])
        whole = len(message.payload) <= _LONGEST
        self._tell(_Event("message", self._line, topic, payload, bool(message.retain), bool(message.dup), whole))

    def _on_publish(self, _client: Any, _data: Any, _mid: int, _reason: Any, _properties: Any) -> None:
        if self._flow.written():
            self._wake()

    def _on_unsubscribe(self, _client: Any, _data: Any, _mid: int, _reasons: Any, _properties: Any) -> None:
        if self._flow.answered():
            self._wake()
