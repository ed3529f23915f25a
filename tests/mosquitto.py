"""A real mosquitto for tests, and an MQTT client that records what it hears.

with Broker(folder) as broker:                       anonymous, on a free port of 127.0.0.1
with Broker(folder, user="u", password="p") as ...   only with that password
with Broker(folder, tls=True) as broker:             TLS, trusted through the file broker.ca
    Broker(folder, tls=True, client_certificates=True)   and clients must show broker.client_cert, .client_key
    broker.stop() .start() .restart() .kill() .freeze() .thaw() .wipe() .log() .wait_log()

with Subscriber(broker, "jkbms/#") as heard:
    heard.wait_for(lambda m: m.topic.endswith("/live"))
Without mosquitto the test is skipped with a reason (require_mosquitto).
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import paho.mqtt.client as paho
import pytest
from certificates import Authority

_PATH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin"


def require_mosquitto() -> str:
    """Path of mosquitto, or skip the calling test."""
    path = shutil.which("mosquitto", path=_PATH)
    if path is None:
        pytest.skip("no mosquitto (MQTT broker) on this machine; Debian: sudo apt install mosquitto")
    return path


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Broker:
    """One mosquitto with its own folder and port; the port stays the same over stop, kill and restart.

    What is retained survives stop(), as on any broker with persistence; kill() and wipe() forget it.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        *,
        user: str = "",
        password: str = "",
        tls: bool = False,
        client_certificates: bool = False,
    ) -> None:
        self.program = require_mosquitto()
        self.folder = folder
        self.user = user
        self.password = password
        self.tls = tls
        self.client_certificates = client_certificates
        self.port = free_port()
        self.ca: Path | None = None
        self.client_cert: Path | None = None
        self.client_key: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._files()

    def _files(self) -> None:
        """Password file and certificates; the configuration is written at each start, for the port may
        change.
        """
        self._lines = [
            "persistence true",
            f"persistence_location {self.folder}/",
            "set_tcp_nodelay true",
            f"user {getpass.getuser()}",  # started as root it would become a user who cannot read this folder
            "log_type all",
            "connection_messages true",
        ]
        if self.user:
            passwords = self.folder / "passwords"
            tool = shutil.which("mosquitto_passwd", path=_PATH)
            if tool is None:
                pytest.skip("no mosquitto_passwd on this machine; Debian: sudo apt install mosquitto")
            subprocess.run(
                [tool, "-b", "-c", str(passwords), self.user, self.password], check=True, capture_output=True
            )
            passwords.chmod(0o600)
            self._lines += ["allow_anonymous false", f"password_file {passwords}"]
        else:
            self._lines += ["allow_anonymous true"]
        if self.tls:
            authority = Authority(self.folder / "tls")
            cert, key = authority.issue("broker", server=True)
            self.ca = authority.ca
            self._lines += [f"cafile {authority.ca}", f"certfile {cert}", f"keyfile {key}"]
            if self.client_certificates:
                self.client_cert, self.client_key = authority.issue("client", server=False)
                self._lines += ["require_certificate true"]

    def start(self, timeout: float = 10) -> None:
        """Start it and wait until it accepts connections. Raises AssertionError with its log when it does
        not.
        """
        assert self._process is None, "this broker is already running"
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([f"listener {self.port} {self.host}", *self._lines]) + "\n")
        before = len(self.log())
        with open(self.folder / "mosquitto.log", "ab") as log:
            self._process = subprocess.Popen(
                [self.program, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + timeout
        while True:
            if self._process.poll() is not None:
                self._process = None
                raise AssertionError(f"mosquitto ended at once on port {self.port}:\n{self.log()}")
            # Its own word, not a connection: somebody else may sit on the port.
            if " running\n" in self.log()[before:]:
                return
            assert time.monotonic() < deadline, f"mosquitto does not start:\n{self.log()}"
            time.sleep(0.01)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)  # a frozen one would not hear SIGTERM
        self._process.send_signal(number)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it politely: clients see their connection closed, what is retained is saved."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as if its machine lost power: the connections are reset, what was retained since start()
        is lost.
        """
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """stop() and start() on the same port."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Restart with an empty memory: no retained message is left."""
        self.stop()
        for file in self.folder.glob("mosquitto.db*"):
            file.unlink()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: the connections stay open and nothing is read or answered (a stalled broker)."""
        assert self._process is not None, "this broker is not running"
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after freeze()."""
        assert self._process is not None, "this broker is not running"
        self._process.send_signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """Everything mosquitto has logged so far, over all its starts."""
        file = self.folder / "mosquitto.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def wait_log(self, text: str, timeout: float = 10) -> None:
        """Until its log contains `text`, upper and lower case alike: what it sends to others goes out before
        it has logged everything that led to it.
        """
        deadline = time.monotonic() + timeout
        while text.lower() not in self.log().lower():
            assert time.monotonic() < deadline, f"{text!r} is not logged within {timeout} s:\n{self.log()}"
            time.sleep(0.02)

    def __enter__(self) -> Self:
        try:
            self.start()
        except AssertionError:
            self.port = free_port()  # somebody else took the port in between: once more
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Message(NamedTuple):
    topic: str
    payload: bytes
    retain: bool  # True only for what the broker had kept from before the subscription
    at: float  # time.monotonic() when it was heard


class Subscriber:
    """A paho client that records every message of its topic filters, and reconnects after a restart of the
    broker.
    """

    def __init__(self, broker: Broker, *topics: str, qos: int = 0) -> None:
        self.broker = broker
        self.topics = topics or ("#",)
        self.messages: list[Message] = []
        self._qos = qos
        self._changed = threading.Condition()
        self._subscriptions = 0
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            self._client.tls_set(
                ca_certs=str(broker.ca),
                certfile=str(broker.client_cert) if broker.client_cert else None,
                keyfile=str(broker.client_key) if broker.client_key else None,
                cert_reqs=ssl.CERT_REQUIRED,
            )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def _on_connect(self, client, userdata, flags, reason, properties) -> None:  # type: ignore[no-untyped-def]
        client.subscribe([(topic, self._qos) for topic in self.topics])

    def _on_subscribe(self, client, userdata, mid, reasons, properties) -> None:  # type: ignore[no-untyped-def]
        with self._changed:
            self._subscriptions += 1
            self._changed.notify_all()

    def _on_message(self, client, userdata, message) -> None:  # type: ignore[no-untyped-def]
        with self._changed:
            self.messages.append(
                Message(message.topic, bytes(message.payload), bool(message.retain), time.monotonic())
            )
            self._changed.notify_all()

    def wait_subscribed(self, times: int = 1, timeout: float = 10) -> None:
        """Until the broker has confirmed the subscription for the n-th time: 2 after the first restart, and
        so on.
        """
        with self._changed:
            confirmed = self._changed.wait_for(lambda: self._subscriptions >= times, timeout)
        assert confirmed, f"no subscription within {timeout} s:\n{self.broker.log()}"

    def wait_for(
        self, predicate: Callable[[Message], object], timeout: float = 10, *, start: int = 0
    ) -> Message:
        """The first message, heard already or within the timeout, that the predicate accepts; from index
        `start` on.

        Raises AssertionError that lists the topics heard.
        """
        deadline = time.monotonic() + timeout
        checked = start
        with self._changed:
            while True:
                while checked < len(self.messages):
                    if predicate(self.messages[checked]):
                        return self.messages[checked]
                    checked += 1
                left = deadline - time.monotonic()
                if left <= 0:
                    heard = "\n".join(
                        f"  {m.topic} {m.payload[:80]!r}{' retained' if m.retain else ''}"
                        for m in self.messages[-40:]
                    )
                    raise AssertionError(
                        f"not heard within {timeout} s; the last of {len(self.messages)} heard:\n{heard}"
                    )
                self._changed.wait(left)

    def wait_topic(
        self, topic: str, payload: bytes | None = None, timeout: float = 10, *, start: int = 0
    ) -> Message:
        """wait_for() a topic and, when given, exactly this payload."""
        return self.wait_for(
            lambda m: m.topic == topic and payload in (None, m.payload), timeout, start=start
        )

    def of(self, topic: str) -> list[Message]:
        """All messages of one topic so far."""
        with self._changed:
            return [m for m in self.messages if m.topic == topic]

    def latest(self) -> dict[str, bytes]:
        """The last payload of every topic heard."""
        with self._changed:
            return {m.topic: m.payload for m in self.messages}

    def clear(self) -> None:
        with self._changed:
            self.messages.clear()

    def publish(self, topic: str, payload: str | bytes = b"", *, retain: bool = False, qos: int = 0) -> None:
        """Publish and wait until it was sent (QoS 1: until the broker has it)."""
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)

    def __enter__(self) -> Self:
        self._client.connect(self.broker.host, self.broker.port, keepalive=30)
        self._client.loop_start()
        self.wait_subscribed()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
