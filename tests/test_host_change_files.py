"""`jkbridge backup`, `diff` and `restore`: what is in the file, what differs, what comes back and what never does."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from change_rig import Rig

from jkbridge import settings as settings_module
from jkbridge.change import backup, facts, groups, order, proposal
from jkbridge.simulator import make_line
from jkcore.fields import codes, table
from jkcore.version import VERSION
from jkcore.writes import limits
from jkcore.writes.command import LONGEST

# A chain that lies wholly below the usual one of LFP (3.59, 3.60, 3.65 ... above, 2.58, 2.60, 2.62 below).
LOW = {
    "power_off_voltage": 2500, "cell_undervoltage_protection": 2520, "cell_soc0_voltage": 2530,
    "cell_undervoltage_recovery": 2540, "cell_overvoltage_recovery": 3400, "cell_soc100_voltage": 3410,
    "cell_request_charge_voltage": 3420, "cell_request_float_voltage": 3400, "cell_overvoltage_protection": 3430,
}  # fmt: skip
HIGH = {
    "power_off_voltage": 2700, "cell_undervoltage_protection": 2800, "cell_soc0_voltage": 2850,
    "cell_undervoltage_recovery": 2900, "cell_overvoltage_recovery": 3590, "cell_soc100_voltage": 3600,
    "cell_request_charge_voltage": 3610, "cell_request_float_voltage": 3500, "cell_overvoltage_protection": 3620,
}  # fmt: skip
OTHERS = {
    "smart_sleep_voltage": 3300, "balance_trigger_voltage": 15, "charge_overcurrent_delay": 20,
    "charge_overcurrent_recovery_time": 50, "discharge_overcurrent_delay": 25,
    "short_circuit_recovery_time": 20, "discharge_overcurrent_recovery_time": 55, "max_balance_current": 900,
    "charge_overtemperature_protection": 580, "charge_overtemperature_recovery": 530,
    "discharge_overtemperature_protection": 640, "discharge_overtemperature_recovery": 590,
    "mos_overtemperature_protection": 900, "mos_overtemperature_recovery": 750, "balance_start_voltage": 3350,
    "precharge_time": 3, "max_charge_current": 90000, "max_discharge_current": 120000,
    "charge_undertemperature_protection": 10, "charge_undertemperature_recovery": 60, "balance_switch": 0,
    "charge_switch": 0, "smart_sleep_time": 20, "rcv_time": 30, "rfv_time": 40, "data_stored_period": 1800,
}  # fmt: skip
NEVER = {
    "cell_count": 15, "device_address": 1, "battery_capacity": 100000, "uart1_protocol": 4, "uart2_protocol": 5,
    "can_protocol": 6, "short_circuit_protection_delay": 900, "discharge_switch": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings_module, "search_path", lambda: [tmp_path / "jkbridge.toml"])


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig([1, 2], monkeypatch)


def store(rig: Rig, address: int, values: dict[str, int]) -> None:
    rig.line.slaves[address].store(values, 0)


def saved(rig: Rig, folder: Path, pack: str = "1") -> str:
    """A backup of a pack."""
    assert rig.run("backup", pack) == 0
    file = folder / f"pack{pack}.json"
    file.write_text(rig.out)
    return str(file)


def edited(file: str, change: Any) -> str:
    found = json.loads(Path(file).read_text())
    change(found)
    Path(file).write_text(json.dumps(found))
    return file


# backup


def test_a_backup_holds_everything_and_no_secret(rig: Rig, tmp_path: Path) -> None:
    text = Path(saved(rig, tmp_path)).read_text()
    found = json.loads(text)
    assert (found["kind"], found["schema"], found["jkbridge"]) == ("jkbridge settings backup", 1, VERSION)
    assert (found["pack"], found["address"], found["chemistry"]) == ("1", 1, "lfp")
    assert (found["model"], found["firmware"]) == ("JK_PB2A16S20P", found["about"]["software_version"])
    assert found["date"][4] == "-"
    assert found["settings"]["cell_overvoltage_protection"] == 3.65
    assert '"cell_overvoltage_protection": 3.650,' in text
    about = [table.name(r) for r in range(table.first(3), table.last(3)) if table.at(r).who == codes.SECRET]
    assert len(about) >= 5
    assert not set(about) & set(found["about"])
    assert backup.load(str(tmp_path / "pack1.json")).settings == facts.parse(text)["settings"]


def test_what_is_no_backup_is_said(rig: Rig, tmp_path: Path) -> None:
    file = saved(rig, tmp_path)
    assert rig.run("diff", str(tmp_path / "none.json"), file) == 2
    assert "cannot be read: No such file" in rig.err
    for content in ("", "{", "[]", "{}", '{"kind": 1}', "\0\1", "[" * 5000):
        (tmp_path / "bad.json").write_text(content)
        assert rig.run("restore", str(tmp_path / "bad.json"), "--to", "1") == 2
        assert "is no backup of a pack" in rig.err
    edited(file, lambda found: found.update(schema=2, jkbridge="9.9"))
    assert rig.run("restore", file, "--to", "1") == 2
    assert "made by another version of jkbridge (9.9)" in rig.err
    assert rig.written(1) == []


@pytest.mark.parametrize("value", ["x", True, [1], {"a": 1}, "3.6 V", 1e400])
def test_a_value_that_is_none_is_named(rig: Rig, tmp_path: Path, value: Any) -> None:
    file = edited(saved(rig, tmp_path), lambda found: found["settings"].update(cell_overvoltage_protection=value))
    assert rig.run("restore", file, "--to", "1", "--yes") == 2
    assert "cell_overvoltage_protection has the value" in rig.err
    assert rig.written(1) == []


# diff


def test_two_packs_set_alike_have_no_difference(rig: Rig) -> None:
    assert rig.run("diff", "1", "2") == 0
    assert rig.out == "No difference between pack 1 and pack 2.\n"


def test_diff_shows_only_what_differs(rig: Rig, tmp_path: Path) -> None:
    file = saved(rig, tmp_path)
    assert rig.run("diff", file, "1") == 0
    store(rig, 2, {"cell_overvoltage_protection": 3600, "balance_switch": 0, "rcv_time": 33})
    for a, b in (("1", "2"), (file, "2")):
        assert rig.run("diff", a, b) == 1
        lines = [text.split() for text in rig.out.splitlines()]
        assert lines[1:] == [
            ["cell_overvoltage_protection", "3.65", "3.60", "V"], ["balance_switch", "ON", "OFF"],
            ["rcv_time", "5.0", "3.3", "h"],
        ]  # fmt: skip
    assert "pack1.json" in rig.out
    assert rig.written(1) == rig.written(2) == []


def test_two_files_need_no_bus(rig: Rig, tmp_path: Path) -> None:
    file = saved(rig, tmp_path)
    rig.ports.clear()
    assert rig.run("diff", file, file) == 0
    assert rig.ports == []


# restore


def test_a_pack_like_the_backup_needs_nothing(rig: Rig, tmp_path: Path) -> None:
    file = saved(rig, tmp_path)
    assert rig.run("restore", file, "--to", "2") == 0
    assert "Nothing to restore" in rig.out
    assert rig.written(2) == []


@pytest.mark.parametrize(("before", "after"), [(LOW, HIGH), (HIGH, LOW)])
def test_an_order_that_needs_care_is_found(
    rig: Rig, tmp_path: Path, before: dict[str, int], after: dict[str, int]
) -> None:
    """The simulated battery refuses every single write that breaks the chain."""
    store(rig, 1, after)
    store(rig, 2, before)
    file = saved(rig, tmp_path)
    rig.answers = ["CONFIRM 2", "yes"]
    assert rig.run("restore", file, "--to", "2") == 0, rig.out + rig.err
    assert {name: rig.settings(2)[name] for name in after} == after
    assert rig.line.slaves[2].writes.refused == 0
    assert rig.written(1) == []
    assert rig.run("diff", file, "2") == 0


def test_many_differences_go_in_several_commands(rig: Rig, tmp_path: Path) -> None:
    store(rig, 1, HIGH | OTHERS)
    store(rig, 2, LOW)
    file = saved(rig, tmp_path)
    assert rig.run("restore", file, "--to", "2", "--yes", "--confirm", "CONFIRM 2") == 0, rig.out + rig.err
    assert rig.out.count("result") >= 3
    assert rig.line.slaves[2].writes.refused == 0
    assert rig.run("diff", file, "2") == 0


def test_groups_fit_a_command_and_each_is_legal_by_itself(rig: Rig, tmp_path: Path) -> None:
    store(rig, 1, HIGH | OTHERS)
    store(rig, 2, LOW)
    wanted = backup.load(saved(rig, tmp_path, "1"))
    now = backup.load(saved(rig, tmp_path, "2"))
    now.address = 2
    rows = {name: limits.find(name) for name in HIGH | OTHERS}
    items = [(name, limits.told(r, facts.raw(r, wanted.value(name)))) for name, r in rows.items()]
    orders = groups.split("2", items, now, True)
    assert len(orders) >= 3
    assert sorted(item for one in orders for item in one.items) == sorted(items)
    assert len({one.id for one in orders}) == len(orders)
    for one in orders:
        assert len(one.payload()) <= LONGEST
        one.command()
        proposal.check(one, now)
        now = proposal.assumed(now, one.items)


def test_dangerous_fields_are_never_restored(rig: Rig, tmp_path: Path) -> None:
    never = {name: value for name, value in NEVER.items() if name not in ("cell_count", "device_address")}
    store(rig, 1, never | {"balance_switch": 0, "controls": 0xFFFF})
    store(rig, 2, {"controls": 0})
    file = saved(rig, tmp_path)
    before = rig.settings(2)
    assert rig.run("restore", file, "--to", "2", "--yes") == 0, rig.out + rig.err
    written = [name for write in rig.written(2) for name in write]
    assert "balance_switch" in written
    assert not set(written) & set(NEVER)
    after = rig.settings(2)
    assert {name: after[name] for name in NEVER} == {name: before[name] for name in NEVER}
    dangerous = [table.at(limit.row).offset & 15 for limit in limits.every()
                 if limit.tier == codes.DANGEROUS and table.at(limit.row).kind == codes.BIT]  # fmt: skip
    assert len(dangerous) >= 5
    assert not after["controls"] & sum(1 << bit for bit in dangerous), "and no dangerous bit either"
    assert after["controls"], "but the others"
    for name in never:
        assert f"Left alone, although it differs: {name}" in rig.err


def test_a_file_made_by_hand_restores_nothing_dangerous_either(rig: Rig, tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        found["settings"].update(device_address=7, battery_capacity=100.0, discharge_switch="OFF", port_rs485="ON")
        found["about"].update(uart1_protocol=4, can_protocol=3, calibrate_voltage=50.0, odd_run_time=1)

    file = edited(saved(rig, tmp_path), change)
    assert rig.run("restore", file, "--to", "2", "--yes", "--confirm", "CONFIRM 2") == 0
    assert "Nothing to restore" in rig.out
    assert rig.written(2) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda found: found.update(chemistry="lto"), "is of lto cells, pack 2 has lfp"),
        (lambda found: found["settings"].update(cell_count=8), "with 8 cells, pack 2 has 16"),
        (lambda found: found["settings"].pop("cell_count"), "nothing is restored"),
        (lambda found: found["about"].update(model="JK_PB1A16S10P"), "model JK_PB1A16S10P, pack 2 is JK_PB2A16S20P"),
        (lambda found: found["about"].pop("model"), "not known to have the same ratings"),
        (lambda found: found.update(chemistry=None), "does not say what chemistry"),
    ],
)
def test_another_kind_of_battery_is_refused(rig: Rig, tmp_path: Path, change: Any, sentence: str) -> None:
    store(rig, 1, {"cell_overvoltage_protection": 3620})
    file = edited(saved(rig, tmp_path), change)
    assert rig.run("restore", file, "--to", "2", "--yes") == 1
    assert sentence in rig.err
    assert rig.written(2) == []


def test_without_chemistry_the_rest_is_restored(rig: Rig, tmp_path: Path) -> None:
    store(rig, 1, {"balance_switch": 0})
    file = edited(saved(rig, tmp_path), lambda found: found.update(chemistry=None))
    assert rig.run("restore", file, "--to", "2", "--yes") == 0
    assert rig.written(2) == [{"balance_switch": 0}]


def test_a_backup_that_breaks_a_rule_is_refused_as_a_whole(rig: Rig, tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        found["settings"].update(cell_overvoltage_recovery=3.6, balance_switch="OFF")

    file = edited(saved(rig, tmp_path), change)
    assert rig.run("restore", file, "--to", "1", "--yes") == 1
    assert "must stay below" in rig.err
    assert rig.written(1) == []


@pytest.mark.parametrize("answers", [["no"], None])
def test_restore_asks(rig: Rig, tmp_path: Path, answers: list[str] | None) -> None:
    store(rig, 1, {"balance_switch": 0})
    file = saved(rig, tmp_path)
    rig.answers = answers
    assert rig.run("restore", file, "--to", "2") == 1
    assert rig.written(2) == []


def test_a_large_step_in_a_backup_takes_the_word(rig: Rig, tmp_path: Path) -> None:
    store(rig, 1, {"cell_request_float_voltage": 3300})
    file = saved(rig, tmp_path)
    rig.answers = ["CONFIRM 1"]
    assert rig.run("restore", file, "--to", "2", "--yes") == 1
    assert rig.written(2) == []


def test_ctrl_c_between_groups_says_what_was_applied(rig: Rig, tmp_path: Path) -> None:
    store(rig, 1, OTHERS)
    file = saved(rig, tmp_path)

    def interrupt(_now: int) -> None:
        if rig.written(2):
            rig.clock.hook = lambda now: None
            os.kill(os.getpid(), signal.SIGINT)

    rig.clock.hook = interrupt
    assert rig.run("restore", file, "--to", "2", "--yes", "--confirm", "CONFIRM 2") == 130
    applied, rest = (rig.err.split(word)[1].split(" of pack 2")[0].split(", ") for word in ("Applied: ", "Not sent: "))
    assert applied
    assert rest
    now = rig.settings(2)
    assert all(now[name] == OTHERS[name] for name in applied)
    assert all(now[name] != OTHERS[name] for name in rest)


def test_a_group_that_fails_stops_the_restore(rig: Rig, tmp_path: Path) -> None:
    store(rig, 1, OTHERS)
    file = saved(rig, tmp_path)
    rig.line.fault("ignored", 2)
    assert rig.run("restore", file, "--to", "2", "--yes", "--confirm", "CONFIRM 2") == 1
    assert "acknowledged, but unchanged" in rig.out
    assert "Not sent: " in rig.err
    assert len(rig.written(2)) == 1


def test_other_firmware_keeps_what_the_pack_has_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = make_line([1, 2], firmware=["19.27", "15.30"], paced=True, latency_ms=(5, 20), stories=((),))
    rig = Rig([1, 2], monkeypatch, line=made)
    store(rig, 2, {"balance_switch": 0})
    file = saved(rig, tmp_path)
    code = rig.run("restore", file, "--to", "2", "--yes", "--confirm", "CONFIRM 2")
    assert code == 0, rig.out + rig.err
    assert "heating_start_temperature (not known to this pack)" in rig.err
    assert rig.settings(2)["balance_switch"] == 1


def test_words_of_packs_and_files() -> None:
    from jkbridge.change.reading import is_file

    assert not any(is_file(text) for text in ("1", "15", "b2-3", "garage1"))
    assert all(is_file(text) for text in ("pack1.json", "./1", "/tmp/x", "x"))
    assert order.word("b2-3") == "CONFIRM b2-3"
