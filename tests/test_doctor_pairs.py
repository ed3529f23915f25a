"""The doctor at RS485 and CAN together: which battery is which, and the [[pack]] rows that fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from core_street import Street

from jkbridge import cli, settings
from jkbridge.doctor import pairs, proposal
from jkbridge.doctor.report import Told
from jkbridge.simulator import CanServer, Server, make_can, make_line
from jkbridge.simulator.can_server import write_log


def heard(rs485: Any, can: Any, between_s: float = 15, start: int = 1000) -> list[list[pairs.Sample]]:
    """What both buses say, `between_s` apart."""
    street = Street([rs485, can], interval=1, start=start)
    street.run(12)
    first = pairs.samples(street.bridge.buses[0].packs)
    street.run(between_s)
    return [first, pairs.samples(street.bridge.buses[1].packs)]


def crossed(addresses: Sequence[int], on_can: Sequence[int], **how: Any) -> list[Any]:
    """An RS485 line and a CAN bus with the same batteries in this order."""
    line = make_line(addresses, paced=True, latency_ms=(10, 10), stories=((),))
    return [line, make_can(on_can, batteries=[line.slaves[address].battery for address in addresses], **how)]


def codes(told: Sequence[Told]) -> list[str]:
    return [one.code for one in told]


def test_batteries_are_found_whatever_their_addresses():
    found = heard(*crossed([1, 2, 3], [2, 0, 5]), start=0x3FFFFFFF - 20_000)  # the clock wraps in between
    told, rows = pairs.judge(*found, "", [])
    assert rows == [
        {"id": "1", "rs485": 1, "can": 2}, {"id": "2", "rs485": 2, "can": 0}, {"id": "3", "rs485": 3, "can": 5},
    ]  # fmt: skip
    assert codes(told) == ["one_battery"] * 3
    assert "address 2 on RS485 and address 0 on CAN are one battery" in told[1].text


def test_the_order_of_the_examinations_does_not_matter():
    line, bus = crossed([4], [4])
    street = Street([line, bus], interval=1)
    street.run(12)
    can = pairs.samples(street.bridge.buses[1].packs)
    street.run(20)
    rs485 = pairs.samples(street.bridge.buses[0].packs)
    assert pairs.judge(rs485, can, "west-", [])[1] == [{"id": "west-4", "rs485": 4, "can": 4}]


def test_other_batteries_are_no_pair():
    line = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    told, rows = pairs.judge(*heard(line, make_can([1], seed=5)), "", [])
    assert rows == []
    assert codes(told) == ["no_pair"]


def test_the_run_time_tells_batteries_apart_that_are_alike():
    rs485, can = heard(*crossed([1], [0]))
    twin = can[0]._replace(address=1, values=can[0].values | {"total_runtime": can[0].values["total_runtime"] + 60})
    assert pairs.judge(rs485, [can[0], twin], "", [])[1] == [{"id": "1", "rs485": 1, "can": 0}]
    # Without it nobody can tell: nothing is proposed.
    blind = [one._replace(values={k: v for k, v in one.values.items() if k != "total_runtime"}) for one in (*can, twin)]
    told, rows = pairs.judge(rs485, blind, "", [])
    assert rows == []
    assert codes(told) == ["pairs_unclear"]
    told, rows = pairs.judge(rs485, blind[:1], "", [])
    assert rows == [{"id": "1", "rs485": 1, "can": 0}]
    assert codes(told) == ["maybe_one_battery"]
    cells = tuple(mv + 30 * (n == 3) for n, mv in enumerate(blind[0].cells))
    assert pairs.judge(rs485, [blind[0]._replace(cells=cells)], "", [])[1] == []


def test_the_older_protocol_gives_a_guess_that_is_called_one():
    told, rows = pairs.judge(*heard(*crossed([1], [0], version="v1")), "", [])
    assert rows == [{"id": "1", "rs485": 1, "can": 0}]
    assert codes(told) == ["maybe_one_battery"]


def test_a_sign_that_is_not_the_same_is_told():
    told, _ = pairs.judge(*heard(*crossed([1], [0], sign=-1)), "", [])
    assert codes(told) == ["one_battery", "other_sign"]


@pytest.mark.parametrize(("can", "verdict"), [(0, []), (3, ["pair_differs"])])
def test_a_pair_of_the_configuration_is_looked_at(can: int, verdict: list[str]):
    found = heard(*crossed([1, 2], [0, 3]))
    told, rows = pairs.judge(*found, "", [{"id": "cellar", "rs485": 1, "can": can}])
    assert codes(told)[:1] == (verdict or ["one_battery"])
    assert told[0].healthy == (not verdict)
    assert {"id": "2", "rs485": 2, "can": 3} in rows
    assert ({"id": "cellar", "rs485": 1, "can": 0} in rows) == (can == 0)


def test_two_packs_at_one_address_are_nobodys_pair():
    line = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    both = [line.slaves[1].battery, make_can([0], seed=7).packs[0].battery]
    rs485, can = heard(line, make_can([0, 0], batteries=both), 60)
    assert can == []
    assert pairs.judge(rs485, can, "", []) == ([], [])


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "search_path", lambda: [tmp_path / "jkbridge.toml"])


def configure(folder: Path, port: str, channel: str, more: str = "", interface: str = "virtual") -> None:
    (folder / "jkbridge.toml").write_text(
        f'[[bus]]\nport = "{port}"\n\n[[bus]]\nkind = "can"\ninterface = "{interface}"\nchannel = "{channel}"\n'
        f'name = "roof"\nprefix = "c-"\n\n{more}'
    )


def test_the_command_examines_both_and_proposes_one_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    line = make_line([1, 2], master="15.41", paced=True)
    made = tmp_path / "made.toml"
    bus = make_can([4, 0], batteries=[line.slaves[address].battery for address in (1, 2)])
    port = str(tmp_path / "port")
    configure(tmp_path, port, "pairs")
    with Server(line, pty=port), CanServer(bus, "virtual", "pairs"):
        code = cli.main(["doctor", "--no-ask", "--json", "--write", str(made)])
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert code == 0, found
        assert (found["port"], found["other"]["port"]) == (port, "virtual:pairs")
        assert found["pairs"] == [{"id": "1", "rs485": 1, "can": 4}, {"id": "2", "rs485": 2, "can": 0}]
        assert [one["code"] for one in found["together"]] == ["one_battery", "one_battery"]
        assert f"Written to {made}" in err
        loaded = settings.load(str(made)).config
        assert [pack["pair"] for pack in loaded["pack"]] == [["", 1, "c-", 4], ["", 2, "c-", 0]]
        assert [bus["prefix"] for bus in loaded["bus"]] == ["", "c-"]
        assert loaded["bus"][1]["name"] == "roof"
        third = '[[bus]]\nport = "tcp://192.0.2.1:8899"\nname = "far shed"\n'
        configure(tmp_path, port, "pairs", third + '[[pack]]\nid = "1"\nrs485 = 1\ncan = 0\n')
        code = cli.main(["doctor", "--no-ask"])
        out, _ = capsys.readouterr()
    assert code == 1
    assert out.startswith("Not examined: far shed. One at a time: jkbridge doctor --bus 'far shed'\n")
    assert "; without far shed, not examined.\n" in out  # at the head of the configuration that fits
    assert "RS485 and CAN together:" in out
    assert "are not one battery, they differ in" in out
    assert out.count("The configuration that fits") == 1
    assert '[[pack]]\nid = "1"\nrs485 = 1\ncan = 4\n\n[[pack]]\nid = "2"\nrs485 = 2\ncan = 0\n' in out
    assert "Verdict (ok_listening): Packs are heard: address 0, 4" in out


def test_a_log_is_of_another_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = tmp_path / "x.log"
    write_log(make_can([1]), str(log), 12)
    configure(tmp_path, "/dev/ttyUSB77", str(log), interface="file")
    assert cli.main(["doctor", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "port_missing"
    assert found["other"]["verdict"] == "ok_listening"
    assert (found["together"], found["pairs"]) == ([], [])


def test_rows_are_toml():
    text = proposal.rows([{"id": "1", "rs485": 1, "can": 0}])
    assert settings.tomllib.loads(text) == {"pack": [{"id": "1", "rs485": 1, "can": 0}]}
