"""`jkbridge get` and `set` directly on a simulated bus: shown, asked, done, read back, or refused with no byte sent."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from change_rig import Rig

from jkbridge import cli
from jkbridge import settings as settings_module
from jkbridge.change import command, facts, line, order, proposal
from jkbridge.change.dangers import DANGERS
from jkbridge.simulator import make_line
from jkcore.fields import codes, table
from jkcore.writes import actions, limits


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings_module, "search_path", lambda: [tmp_path / "jkbridge.toml"])


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig([1, 2], monkeypatch)


# get


def test_get_shows_every_setting_with_its_unit(rig: Rig) -> None:
    assert rig.run("get", "1") == 0
    lines = {text.split()[0]: text.split()[1:] for text in rig.out.splitlines()[1:]}
    assert lines["cell_overvoltage_protection"] == ["3.65", "V"]
    assert lines["rcv_time"] == ["5.0", "h"]
    assert lines["balance_switch"] == ["ON"]
    assert set(order_of_every_limit()) - set(lines) <= set(limits_of_other_firmware())
    assert "controls" not in lines
    assert "just now" in rig.err


def order_of_every_limit() -> list[str]:
    return [table.name(limit.row) for limit in limits.every()]


def limits_of_other_firmware() -> list[str]:
    return [table.name(limit.row) for limit in limits.every() if table.at(limit.row).when >= codes.FW_15_35]


def test_get_of_some_fields_and_packs_as_json(rig: Rig) -> None:
    assert rig.run("get", "1,2", "cell_overvoltage_protection", "balance_switch", "model", "--json") == 0
    wanted = {"cell_overvoltage_protection": 3.65, "balance_switch": "ON", "model": "JK_PB2A16S20P"}
    assert json.loads(rig.out) == {"1": wanted, "2": wanted}
    assert '"cell_overvoltage_protection":3.650' in rig.out


def test_get_without_a_pack_takes_all_of_them(rig: Rig) -> None:
    assert rig.run("get", "cell_count") == 0
    assert rig.out.split() == ["field", "pack", "1", "pack", "2", "unit", "cell_count", "16", "16"]


def test_get_finds_the_packs_where_none_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig([3, 7], monkeypatch)
    rig.config["bus"][0].update(scan=True, packs=list(range(1, 16)))
    assert rig.run("get", "all", "cell_count", "--json") == 0
    assert list(json.loads(rig.out)) == ["3", "7"]


def test_get_names_what_does_not_answer_and_the_nearest_field(rig: Rig) -> None:
    assert rig.run("get", "5") == 2
    assert "Pack 5 does not answer" in rig.err
    assert rig.run("get", "1,5", "cell_count") == 1
    assert "16" in rig.out
    assert "Pack 5 does not answer" in rig.err
    assert rig.run("get", "1", "cell_overvoltage_protectoin") == 2
    assert "Did you mean cell_overvoltage_protection?" in rig.err
    assert rig.run("get", "b2-1") == 2
    assert "There is no pack b2-1" in rig.err


# set


def test_set_shows_asks_does_and_reads_back(rig: Rig) -> None:
    assert rig.run("set", "1", "cell_overvoltage_protection=3.62", "balance_trigger_voltage=0.012") == 0
    shown, done = rig.out.split("Pack 1:\n")[1:]
    assert "cell_overvoltage_protection  3.65  3.62   V" in shown
    assert "balance_trigger_voltage      0.01  0.012  V" in shown
    assert "cell_overvoltage_protection  3.62   3.62       V     done, and read back" in done
    assert rig.screen.questions == ["Change it? yes/no:"]
    assert rig.settings(1)["cell_overvoltage_protection"] == 3620
    assert rig.settings(1)["balance_trigger_voltage"] == 12
    assert rig.written(2) == []


@pytest.mark.parametrize("answer", ["no", "", "yess", "CONFIRM 1"])
def test_a_declined_question_changes_nothing(rig: Rig, answer: str) -> None:
    rig.answers = [answer]
    assert rig.run("set", "1", "balance_switch=OFF") == 1
    assert "Nothing was changed" in rig.err
    assert rig.written(1) == []


def test_without_a_terminal_nothing_is_changed_unless_told(rig: Rig) -> None:
    rig.answers = None
    assert rig.run("set", "1", "balance_switch=OFF") == 1
    assert "--yes" in rig.err
    assert rig.written(1) == []
    assert rig.run("set", "1", "balance_switch=off", "--yes") == 0
    assert rig.written(1) == [{"balance_switch": 0}]


def test_what_is_set_so_already_is_not_sent(rig: Rig) -> None:
    assert rig.run("set", "1", "balance_switch=ON", "cell_overvoltage_protection=3.650") == 0
    assert "nothing was sent" in rig.out
    assert rig.run("set", "1", "balance_switch=ON", "battery_capacity=280", "rcv_time=4") == 0
    assert "battery_capacity  280.00  (stays)  Ah" in rig.out
    assert rig.screen.questions == ["Change it? yes/no:"]  # a dangerous field that stays needs no confirmation
    assert [next(iter(write)) for write in rig.written(1)] == ["rcv_time"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("cell_overvoltage_recovery=3.60", "cell_overvoltage_recovery 3.60 must stay below cell_soc100_voltage 3.59"),
        ("cell_overvoltage_protection=4.0", "outside 2.50 to 3.65, the limits of lfp cells"),
        ("cell_overvoltage_protection=3.6005", "does not lie on its steps of 0.001"),
        ("cell_overvoltage_protection=9", "outside its range 1.20 to 4.50"),
        ("cell_overvoltage_protection=3,6", "is no plain decimal number"),
        ("cell_overvoltage_protection=1e1", "is no plain decimal number"),
        ("balance_switch=maybe", "neither ON nor OFF"),
        ("dry1_trigger=rain", "is none of: off, low_soc"),
        ("max_charge_current=201", "above 200.00, the rating of model"),
        ("odd_run_time=1", "odd_run_time cannot be changed"),
        ("cell_overvoltage_protectoin=3.6", "Did you mean cell_overvoltage_protection?"),
        ("balance_switch", "field=value is wanted"),
        ("=ON", "field=value is wanted"),
        ('balance_switch="ON"', "plain letters"),
    ],
)
def test_refusals_name_the_reason_and_send_nothing(rig: Rig, change: str, sentence: str) -> None:
    assert rig.run("set", "1", change, "--yes") in (1, 2)
    assert sentence in rig.err
    assert rig.written(1) == []


def test_a_group_is_refused_as_a_whole(rig: Rig) -> None:
    assert rig.run("set", "1", "balance_switch=OFF", "cell_overvoltage_recovery=3.60", "--yes") == 1
    assert "must stay below" in rig.err
    assert rig.written(1) == []


def test_a_field_named_twice_is_refused(rig: Rig) -> None:
    assert rig.run("set", "1", "balance_switch=OFF", "balance_switch=ON", "--yes") == 2
    assert rig.written(1) == []


def test_without_chemistry_no_cell_voltage_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig([1], monkeypatch, chemistry=None)
    assert rig.run("set", "1", "cell_overvoltage_protection=3.6", "--yes") == 1
    assert "set `chemistry` of this pack" in rig.err
    assert rig.written(1) == []


@pytest.mark.parametrize(("writes", "more", "code"), [("off", [], 1), ("off", ["--writes", "safe"], 0),
                                                     ("safe", [], 0), ("all", ["--writes", "off"], 1)])  # fmt: skip
def test_writes_of_configuration_and_command_line_decide(
    monkeypatch: pytest.MonkeyPatch, writes: str, more: list[str], code: int
) -> None:
    rig = Rig([1], monkeypatch, writes=writes)
    assert rig.run("set", "1", "balance_switch=OFF", "--yes", *more) == code
    assert rig.written(1) == ([] if code else [{"balance_switch": 0}])
    if code:
        assert "writes is off" in rig.err


def test_a_tier_that_is_not_open_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig([1], monkeypatch, writes="safe")
    assert rig.run("set", "1", "cell_overvoltage_protection=3.62", "--yes") == 1
    assert "needs writes = all; now it is safe" in rig.err
    assert rig.written(1) == []


# dangerous


def test_every_dangerous_field_is_explained() -> None:
    dangerous = [table.name(limit.row) for limit in limits.every() if limit.tier == codes.DANGEROUS]
    assert sorted(DANGERS) == sorted(dangerous + actions.names())


def test_a_dangerous_field_takes_the_typed_word(rig: Rig) -> None:
    rig.answers = ["CONFIRM 1", "yes"]
    assert rig.run("set", "1", "discharge_switch=OFF") == 0
    assert "goes dark" in rig.err
    assert "type CONFIRM 1" in rig.screen.questions[0]
    assert rig.settings(1)["discharge_switch"] == 0
    rig.answers = ["yes"]
    assert rig.run("set", "1", "discharge_switch=ON") == 0, "switching on is safe"


def test_a_pack_does_not_get_the_address_of_another(rig: Rig) -> None:
    words = ["set", "1", "device_address=2", "--yes", "--confirm", "CONFIRM 1"]
    assert rig.run(*words) == 1
    assert "address 2 is that of pack 2" in rig.err
    assert rig.written(1) == []
    assert rig.run(*[word.replace("=2", "=7") for word in words]) == 1, "it cannot be read back at the old address"
    assert [write["device_address"] for write in rig.written(7)] == [7]


@pytest.mark.parametrize("word", ["CONFIRM 2", "yes", "confirm 1", ""])
def test_another_word_changes_nothing(rig: Rig, word: str) -> None:
    rig.answers = [word, "yes"]
    assert rig.run("set", "1", "discharge_switch=OFF") == 1
    assert "Not confirmed" in rig.err
    assert rig.written(1) == []


def test_yes_alone_confirms_nothing_dangerous(rig: Rig) -> None:
    rig.answers = None
    assert rig.run("set", "1", "discharge_switch=OFF", "--yes") == 1
    assert '--confirm "CONFIRM 1"' in rig.err
    assert rig.run("set", "1", "discharge_switch=OFF", "--yes", "--confirm", "CONFIRM 2") == 1
    assert rig.written(1) == []
    assert rig.run("set", "1", "discharge_switch=OFF", "--yes", "--confirm", "CONFIRM 1") == 0


def test_a_large_step_of_a_cell_voltage_takes_the_word(rig: Rig) -> None:
    rig.answers = ["yes"]
    assert rig.run("set", "1", "cell_request_float_voltage=3.40", "--yes") == 0
    assert rig.screen.questions == []
    rig.answers = ["CONFIRM 1"]
    assert rig.run("set", "1", "cell_request_float_voltage=3.295", "--yes") == 0
    assert "more than 0.1 V, from 3.40 to 3.295 V" in rig.err
    assert rig.settings(1)["cell_request_float_voltage"] == 3295


def test_actions_go_alone_and_tell_that_nothing_is_read_back(rig: Rig) -> None:
    rig.answers = ["CONFIRM 1", "yes"]
    assert rig.run("set", "1", "set_clock=100000") == 0
    assert "nothing to read back" in rig.out
    assert rig.run("set", "1", "set_clock=100000", "balance_switch=OFF") == 1
    assert "must be the only thing" in rig.err
    assert rig.run("set", "1", "preset_lto=PRESS") == 1
    assert "is for lto cells" in rig.err
    assert [list(write) for write in rig.written(1)] == [["rtc_seconds_2020"]] or len(rig.written(1)) == 1


# what batteries do


def test_ignored_by_the_battery_is_said_with_advice(rig: Rig) -> None:
    rig.line.fault("ignored", 1)
    assert rig.run("set", "1", "balance_switch=OFF", "--yes") == 1
    assert "acknowledged, but unchanged" in rig.out
    assert "try RS485-1" in rig.err
    assert "Done" not in rig.out


def test_a_group_that_fails_in_the_middle_says_what_was_applied(rig: Rig) -> None:
    rig.line.fault("refuse", 1, register=0x1014)
    assert rig.run("set", "1", "balance_switch=OFF", "balance_trigger_voltage=0.02", "rcv_time=3", "--yes") == 1
    result = rig.out.split("Pack 1:\n")[2]
    assert "balance_switch           OFF    OFF              done, and read back" in result
    assert "balance_trigger_voltage  0.02   -          V     refused by the battery" in result
    assert "rcv_time                 3.0    -          h     not sent" in result
    assert rig.settings(1)["balance_switch"] == 0


def test_another_value_read_back_is_said(rig: Rig) -> None:
    rig.line.fault("other_value", 1)
    assert rig.run("set", "1", "balance_trigger_voltage=0.02", "--yes") == 1
    assert "the battery reads back" in rig.err


def test_a_silent_pack_ends_in_time(rig: Rig) -> None:
    rig.line.fault("silence", 1)
    began = rig.clock.ms
    assert rig.run("set", "1", "balance_switch=OFF", "--yes") == 2
    assert "does not answer" in rig.err
    assert rig.clock.ms - began < 30_000


# several packs


def test_several_packs_are_an_explicit_choice(rig: Rig) -> None:
    for packs in ("1,2", "all"):
        assert rig.run("set", packs, "balance_switch=OFF", "--yes") == 2
        assert "add --all" in rig.err
    assert rig.written(1) == rig.written(2) == []
    assert rig.run("set", "all", "balance_switch=OFF", "--all") == 0
    assert rig.screen.questions == ["Change it? yes/no:"]
    assert rig.out.count("done, and read back") == 2
    assert rig.settings(1)["balance_switch"] == rig.settings(2)["balance_switch"] == 0


def test_nothing_is_sent_to_any_pack_when_one_of_them_refuses(rig: Rig) -> None:
    rig.line.slaves[2].store({"cell_soc100_voltage": 3480}, 0)
    assert rig.run("set", "1,2", "cell_overvoltage_recovery=3.50", "--all", "--yes") == 1
    assert "cell_soc100_voltage 3.48" in rig.err
    assert rig.written(1) == rig.written(2) == []


def test_a_failing_pack_stops_the_rest_and_says_so(rig: Rig) -> None:
    rig.line.fault("ignored", 1)
    assert rig.run("set", "1,2", "balance_switch=OFF", "--all", "--yes") == 1
    assert "Not sent: balance_switch of pack 2" in rig.err
    assert rig.written(2) == []


def test_every_pack_has_its_own_word(rig: Rig) -> None:
    rig.answers = ["CONFIRM 1", "CONFIRM 1"]
    assert rig.run("set", "1,2", "discharge_switch=OFF", "--all", "--yes") == 1
    assert rig.written(1) == rig.written(2) == []
    rig.answers = None
    words = ["--confirm", "CONFIRM 1", "--confirm", "CONFIRM 2"]
    assert rig.run("set", "1,2", "discharge_switch=OFF", "--all", "--yes", *words) == 0


def test_ctrl_c_lets_the_command_under_way_end_and_says_what_was_applied(rig: Rig) -> None:
    def interrupt(_now: int) -> None:
        if rig.written(1):
            rig.clock.hook = lambda now: None
            os.kill(os.getpid(), signal.SIGINT)

    rig.clock.hook = interrupt
    before = signal.getsignal(signal.SIGINT)
    assert rig.run("set", "1,2", "balance_switch=OFF", "--all", "--yes") == 130
    assert "Applied: balance_switch of pack 1." in rig.err
    assert "Not sent: balance_switch of pack 2." in rig.err
    assert "done, and read back" in rig.out
    assert rig.settings(1)["balance_switch"] == 0
    assert rig.written(2) == []
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_twice_ends_at_once(rig: Rig) -> None:
    def interrupt(_now: int) -> None:
        if rig.written(1):
            os.kill(os.getpid(), signal.SIGINT)

    rig.clock.hook = interrupt
    assert rig.run("set", "1,2", "balance_switch=OFF", "--all", "--yes") == 130
    assert "not known" in rig.err
    assert "Not sent: balance_switch of pack 2." in rig.err
    assert rig.written(2) == []


# beside a JK master


def test_through_a_gateway_a_master_is_found_even_if_it_holds_him_back_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two seconds of silence are a proof on a cable only."""
    made = make_line([1, 2], master="15.30", paced=True, latency_ms=(5, 20), firmware="15.30", stories=((),))
    rig = Rig([1, 2], monkeypatch, line=made, port="tcp://192.168.1.20:8899")
    heard = bytearray()
    read = made.read

    def hung(now: int) -> bytes:
        heard.extend(read(now) or b"")
        if rig.clock.ms < 6500:
            return b""
        data = bytes(heard)
        heard.clear()
        return data

    sent: list[int] = []
    write = made.write
    monkeypatch.setattr(made, "read", hung)
    monkeypatch.setattr(made, "write", lambda data, now: (sent.append(now), write(data, now))[1])
    assert rig.run("get", "1", "cell_count") == 0
    assert "A JK master leads this bus" in rig.err
    assert min(sent) > 6500
    assert made.collisions == 0


def test_beside_a_master_slaves_are_changed_in_its_gaps_and_pack_0_never(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_line([1, 2], master="15.30", paced=True, latency_ms=(5, 20), firmware="15.30", stories=((),))
    rig = Rig([1, 2, 0], monkeypatch, line=made)
    assert rig.run("set", "1", "balance_switch=OFF", "--yes") == 0
    assert rig.settings(1)["balance_switch"] == 0
    assert rig.run("get", "0,1", "cell_count") == 0
    assert "A JK master leads this bus" in rig.err
    assert rig.run("set", "0", "balance_switch=OFF", "--yes") == 1
    assert "bus master" in rig.err
    assert rig.written(0) == []


def test_the_frames_made_of_published_values_are_those_of_the_battery(rig: Rig) -> None:
    """What the checks here rest on is what the battery said."""
    for firmware in ("15.30", "19.27"):
        one = Rig([1], pytest.MonkeyPatch(), firmware=firmware)
        found = one._find(None, None, ["1"], lambda level, text: None, None)
        said = found.facts("1")
        reading = said.reading()
        original = line.Line.read(found._lines[0], found._lines[0].pack(1), (1, 3)).frames
        for r in facts.setting_rows():
            assert reading.present(r) == original.present(r), table.name(r)
            if original.present(r):
                assert reading.scaled(r) == original.scaled(r), table.name(r)
        found.close()


def test_orders_are_the_bytes_that_were_meant() -> None:
    one = order.parse("1", ["cell_overvoltage_protection=3.6", "balance_switch=on", "dry1_trigger=off"])
    one.id = "abc"
    assert one.payload() == (
        b'{"cell_overvoltage_protection":3.60,"balance_switch":"ON","dry1_trigger":"off","id":"abc"}'
    )
    assert json.loads(one.payload())["balance_switch"] == "ON"
    assert list(proposal.whole("1", one.items).asked) == [3600, 1, 0]


@pytest.mark.parametrize("name", ["get", "set", "backup", "diff", "restore", "unlock"])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"usage: jkbridge {name}" in out
    assert "--broker" in out
    assert "Exit code 0" in out


def test_config_show_names_packs_with_id_and_chemistry(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "jkbridge.toml"
    file.write_text('[[pack]]\naddress = 1\nname = "One"\nchemistry = "lfp"\n[[pack]]\naddress = 2\nname = "Two"\n')
    assert cli.main(["config", "show"]) == 0
    out = capsys.readouterr().out
    assert 'address = 1\nname = "One"\nchemistry = "lfp"\n' in out
    assert out.count("chemistry") == 1
    file.write_text(out)
    assert cli.main(["config", "check"]) == 0


def test_the_list_of_commands_is_the_same_in_both_places() -> None:
    assert list(cli._CHANGE) == list(command._ADD)
