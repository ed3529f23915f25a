"""Home Assistant hears of what a pack really has: cells, sensors, what its firmware knows; and of what has gone."""

from __future__ import annotations

import json
import re

import core_bytes as cb
import pytest
from core_bench import Bench, healthy
from core_discovery import announced, battery, fields, house_of, removed
from core_house import House


@pytest.mark.parametrize("cells", [2, 4, 8, 15, 16, 24, 32])
def test_cells_that_are_there(cells):
    made = house_of(battery(cells=cells))
    made.run(60)
    for kind in ("cell_voltage", "cell_wire_resistance"):
        numbers = {int(m[1]) for f in fields(made) if (m := re.fullmatch(kind + r"_(\d+)", f))}
        assert numbers == set(range(1, cells + 1))
        gone = {int(m[1]) for f in removed(made) if (m := re.fullmatch(kind + r"_(\d+)", f))}
        assert gone == set(range(cells + 1, 33))


@pytest.mark.parametrize("probes", [(), (1,), (1, 2), (1, 4, 5), (1, 2, 4, 5)])
def test_sensors_that_are_there(probes):
    made = house_of(battery(probes=probes))
    made.run(60)
    there = {int(m[1]) for f in fields(made) if (m := re.fullmatch(r"temperature_(\d)", f))}
    assert there == set(probes)
    gone = {int(m[1]) for f in removed(made) if (m := re.fullmatch(r"temperature_(\d)", f))}
    assert gone == {1, 2, 4, 5} - set(probes)
    assert "mos_temperature" in fields(made)


@pytest.mark.parametrize(("firmware", "there", "absent"), [
    ("14.20", set(), {"charge_status", "dry_contacts", "heating_start_temperature", "discharge_ocp_2",
                      "uart3_protocol"}),
    ("15.30", {"discharge_ocp_2", "emergency_time"}, {"charge_status", "heating_start_temperature", "uart3_protocol"}),
    ("15.41", {"charge_status", "dry_contacts", "heating_start_temperature", "discharge_ocp_2"}, {"uart3_protocol"}),
    ("19.27", {"charge_status", "uart3_protocol", "rebulk_soc", "hardware_option",
               "discharge_undertemperature_protection"}, set()),
])  # fmt: skip
def test_what_the_firmware_has(firmware, there, absent):
    made = house_of(battery(firmware))
    made.run(60)
    assert there <= fields(made)
    assert not absent & fields(made)
    assert absent <= removed(made)


def test_removals_are_empty_and_retained_and_only_of_what_is_absent():
    made = house_of(battery("14.20", cells=8, probes=(1,)))
    made.run(60)
    assert removed(made)
    for m in made.discovery():
        if not m.payload:
            assert m.retain
    published = set()
    for name in ("live", "settings", "about"):
        for payload in made.payloads(f"jkbms/1/{name}"):
            published |= set(payload)
    assert not removed(made) & published


def test_a_pack_is_announced_after_its_about_frame():
    made = house_of(battery())
    made.run(60)
    first = min(m.at for m in made.discovery() if "/jkbms_1/" in m.topic)
    about = made.of("jkbms/1/about")[0].at
    assert about <= first <= about + 1000


def silent_about(address: int, kind: int) -> bytes:
    return b"" if kind == cb.ABOUT else healthy(address, kind)


def test_without_an_about_frame_a_pack_is_announced_after_30_s_and_nothing_is_removed():
    bench = Bench([1], silent_about).run(29000)
    assert not [m for m in bench.messages if "/jkbms_1/" in m[1]]
    bench.run(15000)
    told = [m for m in bench.messages if "/jkbms_1/" in m[1]]
    assert len([m for m in told if m[2]]) > 60
    assert [m for m in told if not m[2]] == [], "what this pack has not is not known yet"
    topics = {m[1].split("/")[3] for m in told}
    assert "charge_status" not in topics
    assert "model" not in topics
    device = json.loads(told[0][2])["dev"]
    assert "sw" not in device


def test_an_about_frame_that_comes_later_completes_the_announcement():
    silent = [True]

    def answer(address: int, kind: int) -> bytes:
        return b"" if kind == cb.ABOUT and silent[0] else healthy(address, kind)

    bench = Bench([1], answer).run(60000)
    silent[0] = False
    mark = len(bench.messages)
    bench.run(60000)
    told = [m for m in bench.messages[mark:] if "/jkbms_1/" in m[1]]
    topics = {m[1].split("/")[3] for m in told if m[2]}
    assert {"charge_status", "model", "pack_voltage"} <= topics
    assert all(json.loads(m[2])["dev"]["sw"] == "15.41" for m in told if m[2])
    assert "cell_voltage_17" in {m[1].split("/")[3] for m in told if not m[2]}


def test_a_pack_that_never_answered_is_not_announced():
    made = House([1], [1, 4])
    made.run(120)
    assert fields(made, 4) == set()
    assert removed(made, 4) == set()


def test_a_cell_that_is_added_is_announced_and_a_sensor_that_goes_is_removed():
    state = {"cells": 8}

    def answer(address: int, kind: int) -> bytes:
        if kind != cb.LIVE:
            return healthy(address, kind)
        frame = cb.live(cells=state["cells"])
        if state["cells"] == 9:
            cb.put(frame, 162, -2000, 2)
            cb.seal(frame)
        return cb.unit(frame, address)

    bench = Bench([1], answer).run(60000)
    mark = len(bench.messages)
    state["cells"] = 9
    bench.run(60000)
    told = [m for m in bench.messages[mark:] if "/jkbms_1/" in m[1]]
    assert "cell_voltage_9" in {m[1].split("/")[3] for m in told if m[2]}
    assert "temperature_1" in {m[1].split("/")[3] for m in told if not m[2]}
    # And then it is quiet again.
    mark = len(bench.messages)
    bench.run(60000)
    assert not [m for m in bench.messages[mark:] if "/jkbms_1/" in m[1]]


def test_names_of_packs_and_base_are_the_users():
    made = house_of(battery(), base="Haus-2", pack=[{"address": 1, "name": 'Garage "left" Ä'}])
    made.run(60)
    for topic, payload in announced(made).items():
        assert topic.split("/")[2].startswith("Haus-2_")
        assert payload["uniq_id"].startswith("Haus-2_")
        assert re.fullmatch(r"[a-z_]+\.haus_2_[a-z0-9_]+", payload["def_ent_id"])
        if topic.split("/")[2] == "Haus-2_1":
            assert payload["dev"]["name"] == "Garage ?left? Ä"
            assert payload["dev"]["via_device"] == "Haus-2_bridge"
            assert payload["stat_t"].startswith("Haus-2/1/")


def test_ids_of_packs_do_not_mix():
    made = House([1, 11], stories=((),))
    made.run(90)
    ids = [p["uniq_id"] for p in announced(made).values()]
    assert len(ids) == len(set(ids))
    assert len(fields(made, 1)) == len(fields(made, 11))


def test_the_bridge_is_a_device_with_its_own_entities():
    made = House([1])
    made.run(30)
    own = {t.split("/")[3]: p for t, p in announced(made).items() if "/jkbms_bridge/" in t}
    assert own["connection"]["stat_t"] == "jkbms/bridge/state"
    assert (own["connection"]["pl_on"], own["connection"]["pl_off"]) == ("online", "offline")
    assert own["connection"]["dev_cla"] == "connectivity"
    assert len(own) >= 4


class Machine:
    """What a device tells of itself: jkdevice.figures.Figures."""

    def put(self, message):
        message.string(b"reset", "power on")
        message.numbers(b"rssi", (-61,))


def test_only_a_device_has_entities_of_the_machine():
    made = {}
    for machine in (None, Machine()):
        house = House([1])
        house.bridge.machine = machine
        house.run(30)
        own = {t.split("/")[3]: p for t, p in announced(house).items() if "/jkbms_bridge/" in t}
        made[machine is not None] = own
    assert set(made[True]) - set(made[False]) == {"machine_signal", "machine_reset", "machine_heap_low"}
    health = house.payloads("jkbms/bridge/health")[-1]
    for field, key in (("machine_signal", "rssi"), ("machine_reset", "reset"), ("machine_heap_low", "heap_low")):
        entity = made[True][field]
        assert entity["val_tpl"] == f"{{{{ value_json.{key}|default(none) }}}}"
        assert entity["ent_cat"] == "diagnostic"
        assert key in health
