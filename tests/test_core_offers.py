"""Controls in Home Assistant come and go with the configuration: over restarts, and for packs that are away."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from core_house import House
from core_orders import Orders

from jkcore import pack as pk

CONTROLS = ("number", "switch", "select", "button")
PACKS = [{"address": 1, "name": "One", "chemistry": "lfp"}]
KEYS = {
    "name", "uniq_id", "def_ent_id", "stat_t", "val_tpl", "cmd_t", "opt", "ent_cat", "en", "avty", "avty_mode", "dev",
    "o",
}  # fmt: skip
MORE = {
    "number": {"min", "max", "step", "mode", "dev_cla", "unit_of_meas", "cmd_tpl"},
    "switch": set(),
    "select": {"ops"},
    "button": {"pl_prs", "ic"},
}


class Store:
    """The retained messages of a broker, over several runs of a bridge."""

    def __init__(self) -> None:
        self.retained: dict[str, str] = {}

    def run(self, seconds: float = 90, addresses: Any = (1,), **config: Any) -> House:
        """A new run of the bridge with this configuration."""
        house = House(addresses, connect=False, stories=((),), **config)
        self.join(house)
        house.run(seconds)
        self.take(house)
        return house

    def join(self, house: House) -> None:
        house.taking = True
        house.bridge.connected(house.now)
        filters = [
            re.compile(t.decode().replace("+", "[^/]+") + "$")
            for t in house.bridge.subscriptions()
        ]
        for topic, payload in list(self.retained.items()):
            if any(f.match(topic) for f in filters):
                house.receive(topic, payload, retained=True)

    def take(self, house: House, start: int = 0) -> None:
        for m in house.messages[start:]:
            if m.retain and m.payload:
                self.retained[m.topic] = m.payload
            elif m.retain:
                self.retained.pop(m.topic, None)

    def entities(self, pack: str = "1") -> dict[str, str]:
        """Field -> component, checked to be announced once."""
        found: dict[str, str] = {}
        for topic in self.retained:
            if f"/jkbms_{pack}/" in topic and topic.endswith("/config"):
                _, component, _, field, _ = topic.split("/")
                assert field not in found, f"{field} is {component} and {found[field]}"
                found[field] = component
        return found

    def controls(self, pack: str = "1") -> set[str]:
        return {f for f, c in self.entities(pack).items() if c in CONTROLS}


def config(writes: str = "off", **more: Any) -> dict[str, Any]:
    return {"writes": writes, "pack": PACKS, **more}


@pytest.fixture(scope="module")
def house() -> Orders:
    return Orders((1,), firmware="19.27", settle=90)


def entities(house: House) -> dict[str, dict[str, Any]]:
    return {m.topic: json.loads(m.payload) for m in house.discovery() if m.payload}


def test_controls_are_as_home_assistant_wants_them(house):
    kinds: dict[str, int] = {}
    for topic, payload in entities(house).items():
        _, component, node, field, _ = topic.split("/")
        if component not in CONTROLS:
            assert "cmd_t" not in payload
            continue
        kinds[component] = kinds.get(component, 0) + 1
        assert set(payload) <= KEYS | MORE[component], topic
        assert payload["uniq_id"] == f"{node}_{field}"
        assert payload["def_ent_id"] == f"{component}.{node}_{field}"
        assert payload["ent_cat"] == "config"
        assert payload["cmd_t"].startswith("jkbms/1/set/")
        assert [a["t"] for a in payload["avty"]] == ["jkbms/bridge/state", "jkbms/1/availability"]
        assert payload["avty_mode"] == "all"
        if component == "button":
            assert "stat_t" not in payload
            continue
        assert payload["opt"] is False
        assert payload["cmd_t"] == f"jkbms/1/set/{field}"
        assert payload["val_tpl"] == f"{{{{ value_json.{field}|default(none) }}}}"
        state = json.loads(house.of(payload["stat_t"])[-1].payload)[field]
        if component == "number":
            assert payload["mode"] == "box"
            assert payload["min"] < payload["max"]
            assert payload["step"] >= 0.001
            assert payload["min"] <= state <= payload["max"]
            assert ("cmd_tpl" in payload) == (payload.get("dev_cla") == "temperature")
        elif component == "switch":
            assert state in ("ON", "OFF")
        else:
            assert state in payload["ops"]
    assert kinds["number"] > 30
    assert kinds["switch"] > 10
    assert kinds["select"] == 3
    assert kinds["button"] == 1


def test_no_message_is_long_and_names_differ(house):
    assert max(len(m.payload) for m in house.discovery()) < 1000
    names = [p["name"] for t, p in entities(house).items() if "/jkbms_1/" in t]
    assert len(names) == len(set(names))


def test_what_people_set_is_enabled_and_the_rest_is_not(house):
    found = {t.split("/")[3]: p for t, p in entities(house).items() if t.split("/")[1] in CONTROLS}
    enabled = {field for field, payload in found.items() if payload.get("en") is not False}
    assert enabled == {
        "charge_switch", "balance_switch", "discharge_on", "heating_enabled", "max_charge_current",
        "max_discharge_current", "max_balance_current", "balance_trigger_voltage", "balance_start_voltage",
        "cell_overvoltage_protection", "cell_undervoltage_protection", "cell_request_charge_voltage",
        "cell_request_float_voltage", "rcv_time", "rfv_time",
    }  # fmt: skip


def test_temperatures_are_rounded_to_their_grid_for_houses_of_fahrenheit(house):
    found = {t.split("/")[3]: p for t, p in entities(house).items()}
    assert found["charge_overtemperature_protection"]["cmd_tpl"] == "{{ '%.1f'|format(value) }}"
    assert found["heating_start_temperature"]["cmd_tpl"] == "{{ '%.0f'|format(value) }}"


def test_results_are_an_entity(house):
    found = entities(house)["homeassistant/sensor/jkbms_1/setting_result/config"]
    assert found["stat_t"] == found["json_attr_t"] == "jkbms/1/result"
    assert found["ent_cat"] == "diagnostic"
    assert [a["t"] for a in found["avty"]] == ["jkbms/bridge/state"], "a pack that is away has results too"


def test_what_an_entity_sends_is_carried_out(house):
    found = {t.split("/")[3]: p for t, p in entities(house).items() if t.split("/")[1] in CONTROLS}
    for field, payload, status in (
        ("balance_switch", "OFF", "ok"), ("max_balance_current", "0.8", "ok"), ("dry1_trigger", "above_soc", "ok"),
        ("discharge_on", found["discharge_on"]["pl_prs"], "ok"), ("max_balance_current", "99", "refused"),
    ):  # fmt: skip
        topic = found[field]["cmd_t"].removeprefix("jkbms/")
        assert [r["status"] for r in house.order(topic, payload)] == [status], field
    assert house.settings()["balance_switch"] == "OFF"
    assert house.settings()["max_balance_current"] == 0.8


def test_the_lock_is_shown_while_commands_are_taken_and_gone_afterwards():
    store = Store()
    topic = "homeassistant/sensor/jkbms_bridge/writes/config"
    store.run(60, **config("safe"))
    assert json.loads(store.retained[topic])["ops"] == ["off", "safe", "all"]
    house = store.run(60, **config())
    assert topic not in store.retained
    assert "jkbms/bridge/offered" not in store.retained
    assert [m.payload for m in house.of(topic)] == [""]
    assert Store().run(60).of(topic) == []


LADDER = [
    config(), config("safe"), config("all"), config("all", pack=[]), config("off", unlock="all"),
]  # fmt: skip


@pytest.mark.parametrize("before", range(len(LADDER)))
@pytest.mark.parametrize("now", range(len(LADDER)))
def test_another_configuration_leaves_nothing_of_the_one_before(before, now):
    store = Store()
    store.run(60, **LADDER[before])
    store.run(60, **LADDER[now])
    fresh = Store()
    fresh.run(60, **LADDER[now])
    assert store.entities() == fresh.entities()
    assert store.retained.get("jkbms/1/offered") == fresh.retained.get("jkbms/1/offered")


def test_nobody_pays_who_never_had_controls():
    store = Store()
    for _ in range(2):
        house = store.run(60)
        empty = [m.topic for m in house.discovery() if not m.payload]
        assert [t for t in empty if t.split("/")[1] in CONTROLS] == []
        assert "jkbms/1/offered" not in store.retained


def test_the_same_configuration_again_removes_nothing():
    store = Store()
    first = store.run(60, **config("all"))
    again = store.run(60, **config("all"))
    assert store.retained["jkbms/1/offered"].endswith(" all off lfp")
    assert not again.of("jkbms/1/offered")
    assert len(again.discovery()) < len(first.discovery()) - 60
    swept = {m.topic for m in again.discovery() if not m.payload}
    assert not {t for t in swept if t in store.retained}
    assert not [t for t in swept if "overvoltage" in t]


def test_a_pack_that_is_away_loses_its_controls_too():
    store = Store()
    store.run(60, addresses=(1, 2), **config("all"))
    assert store.controls("2")
    assert store.controls("1")
    house = House([1], [1, 2], connect=False, stories=((),), **config())
    store.join(house)
    house.run(60)
    store.take(house)
    assert store.controls("2") == set()
    assert store.controls("1") == set()
    assert "jkbms/2/offered" not in store.retained
    assert store.retained["jkbms/2/availability"] == "offline"


def test_a_pack_found_by_asking_loses_them_although_it_was_offline_at_the_end():
    store = Store()
    store.run(60, addresses=(1, 2), scan=True, **config("all"))
    store.retained["jkbms/2/availability"] = "offline"
    house = House([1], scan=True, connect=False, stories=((),), **config())
    store.join(house)
    house.run(60)
    store.take(house)
    assert store.controls("2") == set()
    assert "jkbms/2/offered" not in store.retained


def test_a_pack_that_is_away_keeps_what_is_still_offered():
    store = Store()
    store.run(60, addresses=(1, 2), **config("all"))
    everything = store.controls("2")
    fresh = Store()
    fresh.run(60, addresses=(1, 2), **config("safe"))
    house = House([1], [1, 2], connect=False, stories=((),), **config("safe"))
    store.join(house)
    house.run(60)
    store.take(house)
    assert store.controls("2") == fresh.controls("2") < everything


def test_a_removal_that_is_cut_short_is_done_by_the_next_run():
    store = Store()
    store.run(60, **config("all"))
    for _ in range(6):
        house = House([1], connect=False, stories=((),), per_second=10, **config())
        store.join(house)
        house.run(3)
        store.take(house)
    assert "jkbms/1/offered" in store.retained
    assert store.controls()
    store.run(60, **config())
    assert store.controls() == set()
    assert "jkbms/1/offered" not in store.retained


def test_an_announcement_that_is_cut_short_leaves_a_note():
    store = Store()
    house = House([1], connect=False, stories=((),), per_second=10, **config("all"))
    store.join(house)
    assert house.run(60, until=lambda: any("/number/" in m.topic for m in house.messages))
    store.take(house)
    assert store.retained["jkbms/1/offered"] == "changing"
    assert store.controls()
    store.run(60, **config())
    assert store.controls() == set()
    assert store.entities()["max_charge_current"] == "sensor"


def test_a_lost_session_in_the_middle_loses_nothing():
    store = Store()
    store.run(60, **config())
    house = House([1], connect=False, stories=((),), per_second=10, **config("all"))
    store.join(house)
    house.run(60, until=lambda: len([m for m in house.messages if "/number/" in m.topic]) > 5)
    store.take(house)
    house.bridge.disconnected(house.now)
    house.taking = False
    house.run(10)
    mark = len(house.messages)
    store.join(house)
    house.run(90)
    store.take(house, mark)
    fresh = Store()
    fresh.run(60, **config("all"))
    assert store.entities() == fresh.entities()
    assert store.retained["jkbms/1/offered"].endswith(" all off lfp")


def test_an_unlock_changes_no_entity():
    house = Orders((1,), writes="off", unlock="all", settle=60)
    house.run(5)
    mark = len(house.discovery())
    house.order("bridge/set/unlock", "all 5")
    house.run(60)
    assert house.discovery()[mark:] == []
    assert house.payloads("jkbms/bridge/health")[-1]["writes"] == "all"
    assert not [m for m in house.discovery() if m.payload and m.topic.split("/")[1] in CONTROLS]


def test_controls_come_after_the_settings_frame_of_this_run():
    house = Orders((1,), settle=60)
    first = min(m.at for m in house.discovery() if m.payload and "/number/" in m.topic)
    assert first >= house.of("jkbms/1/settings")[0].at


def test_a_value_set_outside_the_limits_by_another_hand_is_announced_with_wider_ones():
    house = Orders((1,), settle=60)
    topic = "homeassistant/number/jkbms_1/cell_overvoltage_protection/config"
    assert entities(house)[topic]["max"] == 3.65
    mark = len(house.discovery())
    for value, most in ((3700, 3.7), (3600, 3.65)):
        house.line.slaves[1].battery.settings["cell_overvoltage_protection"] = value
        house.run(150)
        assert entities(house)[topic]["max"] == most
    told = {m.topic for m in house.discovery()[mark:]}
    changed = [t for t in told if len({m.payload for m in house.discovery() if m.topic == t and m.payload}) > 1]
    assert changed == [topic], "Home Assistant compares, and leaves the others alone"


def test_an_ordinary_change_announces_nothing():
    house = Orders((1,), settle=90)
    mark = len(house.discovery())
    house.order("1/set/max_balance_current", "0.5")
    house.run(60)
    assert house.discovery()[mark:] == []


def test_a_note_of_a_pack_heard_later_counts():
    """Listening, nobody configured pack 7: it exists when it is heard."""
    bridge = House([1], [1], **config()).bridge
    bridge.received(b"jkbms/7/offered", b"0.0 all off -", True, False, 0)
    pack = bridge.new_pack(bridge.buses[0], 7)
    assert pack.notes[pk.STALE] == 1
    assert bridge.new_pack(bridge.buses[0], 8).notes[pk.STALE] == 0


@pytest.mark.parametrize("payload", ["", "x" * 600, "\x00\xff", "changing"])
def test_any_note_does_no_harm(payload):
    store = Store()
    store.retained["jkbms/1/offered"] = payload
    store.retained["jkbms/zz/offered"] = payload
    store.retained["jkbms/bridge/offered"] = payload
    house = store.run(60)
    assert store.controls() == set()
    assert len(house.of("jkbms/1/live")) > 5
