"""The MQTT session with a real mosquitto: what the bridge is told, what is sent, what is said when it cannot work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from host_fakes import FakeBridge, Lines, fill, mqtt_table, until
from mosquitto import Broker, Subscriber, free_port

from jkbridge import mqtt_errors
from jkbridge.mqtt import Session
from jkbridge.mqtt_flow import WINDOW, WINDOW_BYTES, Flow
from jkcore import log as levels
from jkcore.message import Message

Connect = Callable[..., "Running"]


class Running:
    """A started session with a fake bridge behind it."""

    def __init__(self, **keys: Any) -> None:
        self.bridge = FakeBridge()
        self.log = Lines()
        self.wakes = 0
        self.message = Message()
        self.session = Session(mqtt_table(**keys), self.bridge, f"test-{os.getpid()}-{id(self)}", self.log, self._wake)
        self.session.start()

    def _wake(self) -> None:
        self.wakes += 1

    def poll(self) -> None:
        self.session.poll(0)

    def until(self, condition: Callable[[], object], seconds: float = 15) -> None:
        until(condition, seconds, self.poll)

    def online(self) -> Running:
        self.until(lambda: self.session.online)
        return self

    def publish(self, topic: bytes, payload: bytes, retain: bool = False) -> None:
        self.session.publish(fill(self.message, topic, payload, retain))

    def said(self, *words: str) -> None:
        self.until(lambda: any(all(word in text for word in words) for text in self.log.at(levels.WARNING)))


@pytest.fixture
def connect() -> Iterator[Connect]:
    started: list[Running] = []

    def start(**keys: Any) -> Running:
        started.append(Running(**keys))
        return started[-1]

    yield start
    for each in started:
        each.session.close(False)


def test_publishes_and_tells_the_bridge(connect: Connect, broker: Broker, subscriber: Subscriber) -> None:
    run = connect(port=broker.port).online()
    assert run.bridge.calls == [("connected",)]
    assert run.session.ready()
    run.publish(b"jkbms/1/live", b"{}")
    run.publish(b"jkbms/1/about", b'{"a":1}', retain=True)
    assert not subscriber.wait_topic("jkbms/1/live", b"{}").retain
    with Subscriber(broker, "jkbms/1/about") as late:
        assert late.wait_topic("jkbms/1/about", b'{"a":1}').retain
    assert run.session.published == 2


def test_incoming_messages_with_their_flags(connect: Connect, broker: Broker, subscriber: Subscriber) -> None:
    subscriber.publish("jkbms/1/set/x", b"old", retain=True)
    run = connect(port=broker.port).online()
    run.until(lambda: run.bridge.said("received") == 1)
    subscriber.publish("homeassistant/status", b"online")
    subscriber.publish("jkbms/1/set/long", b"x" * 512)
    subscriber.publish("jkbms/1/set/longer", b"x" * 513)
    run.until(lambda: run.bridge.said("received") == 4)
    received = [call[1:] for call in run.bridge.calls if call[0] == "received"]
    assert received == [
        (b"jkbms/1/set/x", b"old", True, False),
        (b"homeassistant/status", b"online", False, False),
        (b"jkbms/1/set/long", b"x" * 512, False, False),
        (b"jkbms/1/set/longer", b"x" * 512, False, False, "the beginning"),
    ]


def test_polite_end_sends_what_is_queued_and_no_will(connect: Connect, broker: Broker, subscriber: Subscriber) -> None:
    run = connect(port=broker.port).online()
    for n in range(50):
        run.publish(b"jkbms/x", b"%d" % n)
    run.session.close(True)
    subscriber.wait_topic("jkbms/x", b"49")
    subscriber.publish("marker", b"1")
    subscriber.wait_topic("marker")
    assert subscriber.of("jkbms/bridge/state") == []


def test_a_dropped_socket_lets_the_will_speak(connect: Connect, broker: Broker, subscriber: Subscriber) -> None:
    run = connect(port=broker.port).online()
    run.session.close(False)
    subscriber.wait_topic("jkbms/bridge/state", b"offline")
    assert not any("Trying again" in text for text in run.log.at(levels.ERROR))


def test_broker_killed_and_back(connect: Connect, broker: Broker) -> None:
    run = connect(port=broker.port).online()
    broker.kill()
    run.until(lambda: not run.session.online)
    assert run.bridge.calls[-1] == ("disconnected",)
    assert not run.session.ready()
    run.publish(b"jkbms/lost", b"old")  # made after the loss: must not wait for the next connection
    run.said("No MQTT broker listens at", str(broker.port))
    broker.start()
    with Subscriber(broker, "#") as heard:
        run.until(lambda: run.session.online, 40)
        run.publish(b"jkbms/fresh", b"new")
        heard.wait_topic("jkbms/fresh", b"new")
        assert heard.of("jkbms/lost") == []
    assert run.bridge.said("connected") == 2
    assert run.session.reconnects == 1
    errors = run.log.at(levels.ERROR)
    assert len(errors) == 2, errors  # lost, then absent, each once


def test_a_stalled_broker_holds_the_core_back_and_gets_nothing_old(connect: Connect, broker: Broker) -> None:
    run = connect(port=broker.port, keepalive=5).online()
    with Subscriber(broker, "jkbms/n") as heard:
        broker.freeze()
        sent = 0
        began = time.monotonic()

        def core() -> None:
            """A core with a new value every 50 ms: it hands over the newest one while the session takes it."""
            nonlocal sent
            run.poll()
            if run.session.ready():
                run.publish(b"jkbms/n", b"%08.3f" % (time.monotonic() - began) + b" " * 2000)
                sent += 1
            time.sleep(0.05)

        until(lambda: time.monotonic() - began > 4, 10, core)
        assert run.session.online
        assert not run.session.ready()
        assert sent <= 50  # two seconds' worth, however much kernels would have buffered
        run.until(lambda: not run.session.online, 20)
        run.said("is stalled or cut off", "10 s")
        resumed = time.monotonic()
        broker.thaw()
        run.until(lambda: run.session.online, 40)
        run.publish(b"jkbms/n", b"fresh")
        heard.wait_topic("jkbms/n", b"fresh")
        old = [float(m.payload) for m in heard.of("jkbms/n") if m.payload != b"fresh"]
        assert all(made < 3 for made in old), old
        assert resumed - began > 8


def test_a_short_stall_is_followed_by_new_values_only(connect: Connect, broker: Broker) -> None:
    run = connect(port=broker.port).online()
    with Subscriber(broker, "jkbms/n") as heard:
        run.publish(b"jkbms/n", b"before")
        heard.wait_topic("jkbms/n", b"before")
        broker.freeze()
        run.until(lambda: (run.session.ready() and run.publish(b"jkbms/n", b"early")) or not run.session.ready())
        wakes = run.wakes
        broker.thaw()
        run.until(lambda: run.session.ready() and run.wakes > wakes)
        assert run.session.online
        assert run.session.reconnects == 0
        run.publish(b"jkbms/n", b"after")
        heard.wait_topic("jkbms/n", b"after")


def test_a_full_window_holds_back_before_the_broker_is_asked(connect: Connect, broker: Broker) -> None:
    run = connect(port=broker.port).online()
    broker.freeze()
    sent = 0
    while run.session.ready():
        run.publish(b"jkbms/n", b"x" * 4000)
        sent += 1
    broker.thaw()
    assert sent * 4000 < WINDOW_BYTES + 1_500_000
    run.until(run.session.ready)


def test_at_most_64_messages_wait() -> None:
    flow = Flow()
    count = 0
    while flow.room():
        if flow.published(1):
            flow.answered()
        count += 1
    assert count == WINDOW
    assert flow.written()
    assert not flow.written()
    flow.reset()
    assert flow.room()
    assert flow.empty()


def test_wrong_password_is_said_without_it(connect: Connect, tmp_path: Path) -> None:
    with Broker(tmp_path / "m", user="anna", password="right") as broker:
        run = connect(port=broker.port, user="anna", password="hunter2")
        run.said('refuses user "anna"', "mqtt.password")
        nobody = connect(port=broker.port)
        nobody.said("wants a user and a password")
        connect(port=broker.port, user="anna", password="right").online()
        assert "hunter2" not in run.log.text()
        assert len(run.log.at(levels.ERROR)) == 1


def test_tls_with_the_right_and_the_wrong_certificate_authority(connect: Connect, tmp_path: Path) -> None:
    with Broker(tmp_path / "m", tls=True) as broker:
        run = connect(port=broker.port, tls=True, ca=str(broker.ca)).online()
        run.publish(b"t", b"p")
        other = Authority(tmp_path / "other", "another CA")
        connect(port=broker.port, tls=True, ca=str(other.ca)).said("TLS: the certificate", "mqtt.ca")
        connect(port=broker.port, tls=True).said("TLS: the certificate", "set mqtt.ca")
        connect(host="localhost.localdomain", port=broker.port, tls=True, ca=str(broker.ca))
        connect(port=broker.port).said("closed the connection without an answer", "mqtt.tls = true")


def test_tls_for_another_name_and_an_expired_certificate() -> None:
    import ssl

    error = ssl.SSLCertVerificationError("x")
    for code, word in (
        (62, "another name"),
        (10, "expired"),
        (9, "clock"),
        (18, "self-signed"),
        (64, "another address"),
    ):
        error.verify_code = code
        error.verify_message = "m"
        text = mqtt_errors.connect_failed(mqtt_table(tls=True), error)
        assert word in text
        assert "127.0.0.1:1883" in text


def test_tls_to_a_plain_port(connect: Connect, broker: Broker) -> None:
    run = connect(port=broker.port, tls=True)
    run.said("TLS", str(broker.port))


def test_client_certificates(connect: Connect, tmp_path: Path) -> None:
    with Broker(tmp_path / "m", tls=True, client_certificates=True) as broker:
        keys = {"port": broker.port, "tls": True, "ca": str(broker.ca)}
        connect(**keys, cert=str(broker.client_cert), key=str(broker.client_key)).online()
        connect(**keys).said("client certificate")


def test_no_broker_and_no_such_name(connect: Connect) -> None:
    port = free_port()
    connect(port=port).said(f"No MQTT broker listens at 127.0.0.1:{port}", "mqtt.host")
    connect(host="no-such-broker.invalid").said("no-such-broker.invalid cannot be resolved")


def test_a_port_that_never_answers(connect: Connect) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        run = connect(port=server.getsockname()[1], keepalive=2)
        run.said("accepts connections but does not answer")


def test_client_id_taken_by_another(connect: Connect, broker: Broker) -> None:
    first = connect(port=broker.port, client_id="same").online()
    connect(port=broker.port, client_id="same").online()
    first.said("another client", '"same"')
