"""The test helpers themselves: a broker that restarts, stalls and forgets, and a subscriber that hears
everything.
"""

from __future__ import annotations

import socket
import ssl

import paho.mqtt.client as paho
import pytest
from certificates import Authority
from mosquitto import Broker, Subscriber


def connects(broker, user="", password="", ca=None):
    """Reason text of one connection attempt by an independent client."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    if user:
        client.username_pw_set(user, password)
    if ca:
        client.tls_set(ca_certs=str(ca))
    answers = []
    client.on_connect = lambda client, userdata, flags, reason, properties: answers.append(str(reason))
    client.connect(broker.host, broker.port)
    while not answers:
        client.loop(0.1)
    client.disconnect()
    return answers[0]


def test_messages_are_heard_with_their_retain_flag(broker, subscriber):
    subscriber.publish("jkbms/1/live", b"{}")
    subscriber.publish("jkbms/bridge/state", "online", retain=True)
    assert subscriber.wait_topic("jkbms/bridge/state", b"online").retain is False
    assert subscriber.of("jkbms/1/live")[0].payload == b"{}"
    with Subscriber(broker, "jkbms/#") as later:
        assert later.wait_topic("jkbms/bridge/state").retain is True
        assert later.latest() == {"jkbms/bridge/state": b"online"}


def test_what_is_not_heard_is_an_error_that_tells_what_was(subscriber):
    subscriber.publish("a/b", b"x", qos=1)
    subscriber.wait_topic("a/b")
    with pytest.raises(AssertionError, match="a/b"):
        subscriber.wait_for(lambda m: m.topic == "c/d", timeout=0.1)


def retained(broker):
    """Topics that the broker gives to a new client, with its retain flag."""
    with Subscriber(broker) as later:
        later.publish("mark", b"behind whatever was retained", qos=1)
        later.wait_topic("mark")
        return [m.topic for m in later.messages if m.retain]


def test_retained_messages_survive_a_stop_and_not_a_wipe_or_a_kill(broker, subscriber):
    subscriber.publish("kept", b"1", retain=True, qos=1)
    port = broker.port
    broker.stop()
    assert not broker.running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((broker.host, broker.port), timeout=1)
    broker.start()
    assert broker.port == port
    assert retained(broker) == ["kept"]
    broker.wipe()
    assert retained(broker) == []
    with Subscriber(broker) as other:
        other.publish("lost", b"1", retain=True, qos=1)
    assert retained(broker) == ["lost"]
    broker.kill()
    broker.start()
    assert retained(broker) == []


def test_subscriber_comes_back_after_a_restart(broker, subscriber):
    broker.restart()
    subscriber.wait_subscribed(times=2)
    subscriber.publish("again", b"1")
    subscriber.wait_topic("again")


def test_a_frozen_broker_answers_nothing_until_it_thaws(broker):
    broker.freeze()
    with socket.create_connection((broker.host, broker.port), timeout=1) as s:
        s.sendall(bytes.fromhex("100c00044d5154540402003c0000"))  # CONNECT
        s.settimeout(0.2)
        with pytest.raises(TimeoutError):
            s.recv(4)
        broker.thaw()
        s.settimeout(5)
        assert s.recv(4) == b"\x20\x02\x00\x00"


def test_password(tmp_path):
    with Broker(tmp_path, user="bridge", password="secret word") as broker:
        assert connects(broker, "bridge", "secret word") == "Success"
        assert connects(broker, "bridge", "wrong") == "Not authorized"
        assert connects(broker) == "Not authorized"


def test_tls_and_a_certificate_of_somebody_else(tmp_path):
    other = Authority(tmp_path / "other", "another CA")
    with Broker(tmp_path / "broker", tls=True) as broker, Subscriber(broker) as heard:
        heard.publish("a", b"1")
        heard.wait_topic("a")
        assert connects(broker, ca=broker.ca) == "Success"
        with pytest.raises(ssl.SSLCertVerificationError):
            connects(broker, ca=other.ca)


def test_client_certificate(tmp_path):
    with Broker(tmp_path, tls=True, client_certificates=True) as broker, Subscriber(broker) as heard:
        heard.publish("a", b"1")
        heard.wait_topic("a")


def test_a_taken_port_is_said(broker, tmp_path):
    second = Broker(tmp_path / "second")
    second.port = broker.port
    with pytest.raises(AssertionError, match="Address already in use"):
        second.start()
