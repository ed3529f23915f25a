"""Several buses in one bridge: ids, names, log lines, and that one bus does not disturb another."""

from __future__ import annotations

import json

import pytest
from core_broker import MiniBroker
from core_house import House
from core_street import Street
from test_core_truth import says


def online(street: Street) -> list[str]:
    return sorted(pack.id.decode() for pack in street.bridge.packs if pack.online)


def ids(prefix: str, *addresses: int) -> list[str]:
    return [f"{prefix}{a}" for a in addresses]


def wrong(street: Street, line: int, prefix: str, start: int = 0) -> list[str]:
    """Live messages of this line's packs that say what no frame of this very pack said."""
    found = []
    for address, slave in street.lines[line].slaves.items():
        truths = {truth["system_ticks"]: truth for truth in slave.sent["live"]}
        for payload in street.payloads(f"jkbms/{prefix}{address}/live", start):
            truth = truths.get(round(payload["system_ticks"] * 10))
            if truth is None or says(payload, truth):
                found.append(f"{prefix}{address}: {payload['system_ticks']}")
    return found


def test_thirty_packs_on_two_buses():
    street = Street([range(1, 16), range(1, 16)], bus=[{}, {"name": "Shed"}])
    street.run(60)
    assert online(street) == sorted(ids("", *range(1, 16)) + ids("b2-", *range(1, 16)))
    recent = street.elapsed - 40_000  # the simulator remembers the last 64 frames of each pack
    for line, prefix in ((0, ""), (1, "b2-")):
        for address in range(1, 16):
            assert len(street.of(f"jkbms/{prefix}{address}/live", recent)) >= 6
            assert street.of(f"jkbms/{prefix}{address}/availability")[-1].payload == "online"
        assert wrong(street, line, prefix, recent) == []
    assert {line.collisions for line in street.lines} == {0}
    assert street.warnings() == []
    health = street.of("jkbms/bridge/health")[-1].payload
    assert [bus["name"] for bus in json.loads(health)["bus"]] == ["/dev/ttyUSB0", "Shed"]
    assert json.loads(health)["packs_online"] == 30
    assert len(health) > 512
    info = street.payloads("jkbms/bridge/info")[-1]
    assert [(bus["name"], bus["prefix"]) for bus in info["bus"]] == [("", ""), ("Shed", "b2-")]
    assert info["configuration"]["bus"][1]["prefix"] == "b2-"


def test_a_bus_that_is_unplugged_takes_only_its_own_packs_along():
    street = Street([[1, 2], [1, 2, 3]], bus=[{}, {"name": "Shed"}])
    street.run(30)
    street.plugged[1] = False
    street.bridge.buses[1].closed(street.now, "/dev/ttyUSB1 has vanished")
    mark = street.elapsed
    street.run(60)
    assert online(street) == ["1", "2"]
    for address in (1, 2):
        times = [m.at for m in street.of(f"jkbms/{address}/live", mark)]
        assert max(b - a for a, b in zip(times, times[1:], strict=False)) < 6000
        assert street.of(f"jkbms/{address}/availability", mark) == []
    for address in (1, 2, 3):
        assert street.of(f"jkbms/b2-{address}/live", mark) == []
        assert [m.payload for m in street.of(f"jkbms/b2-{address}/availability", mark)] == ["offline"]
    # Whose packs they are, and why, is said.
    said = [text for text in street.warnings() if "now offline" in text]
    assert len(said) == 3
    assert all(text.startswith("Shed: pack b2-") and "has vanished" in text for text in said)
    street.plugged[1] = True
    street.bridge.buses[1].opened(street.now)
    street.run(20)
    assert online(street) == ["1", "2", "b2-1", "b2-2", "b2-3"]


def test_log_lines_name_the_bus_only_when_there_are_several():
    street = Street([[1], [1]], bus=[{"packs": [1, 2]}, {"packs": [1, 2], "name": "Shed"}])
    street.run(30)
    assert sum(text.startswith("/dev/ttyUSB0: pack 2 does not answer at address 2") for text in street.warnings()) == 1
    assert sum(text.startswith("Shed: pack b2-2 does not answer at address 2") for text in street.warnings()) == 1
    alone = Street([[1]], bus=[{"packs": [1, 2], "name": "Shed"}])
    alone.run(30)
    assert any(text.startswith("pack 2 does not answer") for text in alone.warnings())


def test_names_and_discovery_of_packs_with_the_same_address():
    names = [{"address": 1, "name": "Left"}, {"id": "b2-1", "name": "Right"}, {"id": "b2-3", "name": "Third"}]
    street = Street([[1, 2], [1, 2, 3]], bus=[{}, {"packs": None}], pack=names)
    street.run(60)
    devices: dict[str, dict] = {}
    unique: dict[str, str] = {}
    for message in street.messages:
        if message.topic.startswith("homeassistant/") and message.payload:
            payload = json.loads(message.payload)
            devices[message.topic.split("/")[2]] = payload["dev"]
            assert unique.setdefault(payload["uniq_id"], message.topic) == message.topic
            assert message.topic.split("/")[2] in payload["uniq_id"]
            if payload["uniq_id"] == "jkbms_b2-1_pack_voltage":
                assert payload["stat_t"] == "jkbms/b2-1/live"
                assert payload["avty"][1]["t"] == "jkbms/b2-1/availability"
    assert "jkbms_b2-1_pack_voltage" in unique
    packs = {name: device for name, device in devices.items() if name != "jkbms_bridge"}
    assert {name: device["name"] for name, device in packs.items()} == {
        "jkbms_1": "Left", "jkbms_2": "JK pack 2",
        "jkbms_b2-1": "Right", "jkbms_b2-2": "JK pack b2-2", "jkbms_b2-3": "Third",
    }  # fmt: skip
    assert {device["via_device"] for device in packs.values()} == {"jkbms_bridge"}
    assert {device["ids"][0] for device in packs.values()} == set(packs)


def test_a_pack_of_an_earlier_run_is_remembered_on_its_own_bus():
    street = Street([[1], [1]], bus=[{"packs": None}, {"packs": None}])
    for pack in ("9", "b2-7", "b3-1", "b2-77"):
        street.bridge.received(f"jkbms/{pack}/availability".encode(), b"online", True, False, street.now)
    street.run(1)
    known = sorted(pack.id.decode() for pack in street.bridge.packs)
    assert known == ["9", "b2-7"]


@pytest.mark.parametrize("count", [2, 5])
def test_another_bridge_is_known_by_a_health_message_of_any_length(count):
    """Five buses that cannot be opened: bridge/health is far longer than what a session hands over."""
    broker = MiniBroker()
    first = House([1], connect=False, instance=b"aaaaaaaa")
    broker.join(first)
    broker.run([first], 5)
    street = Street([[1] for _ in range(count)])
    for bus in street.bridge.buses:
        bus.closed(street.now, "This port is not there, and the sentence that says why is long. " * 3)
    street.bridge.instance = b"bbbbbbbb"
    street.run(30)
    payload = street.of("jkbms/bridge/health")[-1].payload
    assert len(payload) > 512
    first.receive("jkbms/bridge/health", payload.replace("bbbbbbbb", "00000000"))
    broker.run([first], 1)
    assert [s.text for s in first.said if s.level >= 40 and "00000000" in s.text]


def test_long_names_do_not_cost_bridge_info_its_buses():
    for length in (1, 10, 20, 30, 40):
        named = [{"id": f"{prefix}{a}", "name": "ü" * length} for prefix in ("", "b2-") for a in range(1, 16)]
        port = "tcp://" + "x" * 180 + ":8899"
        street = Street([range(1, 16), range(1, 16)], bus=[{}, {"port": port, "name": "y" * 40}], pack=named)
        street.run(20)
        info = street.payloads("jkbms/bridge/info")[-1]
        assert len(info["bus"]) == 2
        assert info["bus"][1]["port"] == port
        assert info["configuration"] is None or len(info["configuration"]["pack"]) == 30
