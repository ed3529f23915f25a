"""Commands to the whole device program on the unix port: a real mosquitto, a simulated line whose packs take writes."""

from __future__ import annotations

import json
import time

import pytest
from test_device_end_to_end import all_online, device, line, no_traceback  # noqa: F401

PACKS = [{"address": 1, "name": "One", "chemistry": "lfp"}]


def order(subscriber, topic, payload, result="jkbms/1/result", timeout=25, **how):
    """Publish a command and wait for what became of it."""
    mark = len(subscriber.messages)
    subscriber.publish(topic, payload, **how)
    return json.loads(subscriber.wait_topic(result, timeout=timeout, start=mark).payload)


def written(line, address=1):  # noqa: F811
    with line.lock:
        return list(line.line.slaves[address].writes.log)


@pytest.fixture
def ready(device, line, broker, subscriber):  # noqa: F811
    device.configure(line.tcp_port, broker.port, writes="all", unlock="all", pack=PACKS)
    device.start()
    all_online(subscriber)
    time.sleep(2.5)  # a command is taken from 2 s after the subscription on
    return device


def test_settings_are_changed_read_back_and_told(ready, line, subscriber):  # noqa: F811
    told = order(subscriber, "jkbms/1/set/balance_trigger_voltage", "0.012")
    assert (told["status"], told["value"]) == ("ok", 0.012)
    group = {"balance_switch": "OFF", "lcd_always_on": "ON", "id": "g"}
    told = order(subscriber, "jkbms/1/set", json.dumps(group))
    assert (told["status"], told["id"]) == ("ok", "g")
    assert [w.fate for w in written(line)] == ["stored"] * 3
    subscriber.wait_for(
        lambda m: m.topic == "jkbms/1/settings"
        and [json.loads(m.payload)[name] for name in ("balance_switch", "lcd_always_on")] == ["OFF", "ON"],
        10,
    )
    assert written(line, 2) == []
    no_traceback(ready)


def test_what_is_refused_reaches_no_pack(ready, line, subscriber):  # noqa: F811
    for topic, payload, words in (
        ("jkbms/1/set/discharge_switch", "OFF", "CONFIRM 1"),
        ("jkbms/1/set/cell_overvoltage_protection", "3.9", "lfp"),
        ("jkbms/1/set/nothing", "1", "no field"),
        ("jkbms/1/set", "{" * 100, "JSON"),
        ("jkbms/1/set/balance_switch", "O" * 2000, "512"),
    ):
        told = order(subscriber, topic, payload)
        assert told["status"] == "refused", topic
        assert words in told["reason"]
    assert order(subscriber, "jkbms/2/set/power_off_voltage", "2.6", "jkbms/2/result")["status"] == "refused"
    told = order(subscriber, "jkbms/1/set/balance_switch", "OFF", retain=True)
    assert told["status"] in ("ok", "refused")  # to a subscriber that is there already a broker hands it on as new
    subscriber.publish("jkbms/1/set/balance_switch", "", retain=True)
    assert len(written(line)) <= 1
    no_traceback(ready)


def test_a_lost_ack_and_a_pack_that_ignores_writes(ready, line, subscriber):  # noqa: F811
    with line.lock:
        line.line.fault("silence", 1, only="ack", count=1)
    assert order(subscriber, "jkbms/1/set/balance_switch", "OFF")["status"] == "ok"
    with line.lock:
        line.line.fault("ignored", 1, count=1)
    told = order(subscriber, "jkbms/1/set/balance_switch", "ON")
    assert told["status"] == "unchanged"
    assert "RS485-1" in told["reason"]
    no_traceback(ready)
