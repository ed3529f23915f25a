"""`jkbridge decode` for logs of a CAN bus."""

from __future__ import annotations

import io
import json
from pathlib import Path

import core_can
import pytest

from jkbridge import can_decode, cli
from jkbridge.simulator import make_can, write_log
from jkcore import can
from jkcore.fields import codes, table


def decoded(content: bytes, name: str = "a.log"):
    out, errors = io.StringIO(), io.StringIO()
    status = can_decode.decode(name, content, out, errors, "")
    return status, [json.loads(line) for line in out.getvalue().splitlines()], errors.getvalue().splitlines()


def agrees(found: dict, signals: dict) -> None:
    """Every signal stands in a printed message, under its name, with its value."""
    values = found["values"]
    seen = 0
    for signal, value in signals.items():
        if signal.startswith("Err"):
            word = values["alarms"]
            bit = core_can.FAULTS.index(signal) if signal in core_can.FAULTS else 18
            assert (word >> bit & 1 if signal in core_can.FAULTS else word >> bit) == value, signal
            continue
        row, wanted = core_can.of_signal(signal, value)
        assert round(values[table.name(row)] * 10 ** table.at(row).decimals) == wanted, signal
        seen += 1
    assert len([name for name in values if not name.startswith("alarm_list") and name != "alarms"]) == seen


def test_recordings_with_and_without_comments_print_what_is_expected(frames_dir):
    folder = frames_dir / "can"
    for file in sorted(folder.glob("*.log")):
        expected = json.loads((folder / "expected" / f"{file.stem}.json").read_text())["frames"]
        for log in (file, folder / "replay" / file.name):
            status, found, errors = decoded(log.read_bytes())
            assert (status, errors, len(found)) == (0, [], len(expected))
            for one, wanted in zip(found, expected, strict=True):
                assert (one["type"], one["id"], one["address"]) == ("can", wanted["id"], wanted["address"])
                agrees(one, wanted["signals"])


def test_an_unrounded_example():
    status, found, errors = decoded(b"(0.0) can0 18F128F4#E108F00A6B802300\n(0.1) can0 2F6#1302B20F51000000\n")
    assert (status, errors) == (0, [])
    assert found[0] == {
        "type": "can", "id": "18F128F4", "address": 0,
        "values": {"capacity_remaining": 227.3, "capacity_full": 280.0, "cycle_count": 35, "cycle_capacity": 3287.5},
    }  # fmt: skip
    assert (found[1]["address"], found[1]["values"]["current"]) == (2, 1.8)


def test_identifiers_behind_address_11_that_may_be_others_are_named():
    content = b"(0.0) can0 301#1302B20F51000000\n(0.1) can0 300#1302B20F51000000\n"
    battery = b"(0.2) can0 18F12901#E108F00A6B802300\n"
    status, found, errors = decoded(content + battery)
    assert (status, [one["address"] for one in found]) == (0, [13, 12, 13])
    assert errors == [
        "300: read as address 12, but no 29-bit identifier of it is here, so perhaps somebody else's"
    ]


def test_rejected_pieces_are_named_and_the_rest_is_decoded():
    content = b"\n".join((
        b"(0.0) can0 2F4#1302B20F510000", b"(0.1) can0 2F4#R", b"(0.2) can0 20000004#0000000000000000", b"rubbish",
        b"(0.3) can0 351#0011223344556677", b"(0.4) can0 351#00", b"(0.5) can0 2F4#1302B20F51000000",
    ))  # fmt: skip
    status, found, errors = decoded(content)
    assert status == 1
    assert len(found) == 1
    assert found[0]["values"]["soc"] == 81
    assert len(errors) == 5
    text = "\n".join(errors)
    assert "7 data bytes, but the message has 8" in text
    assert "remote request" in text
    assert "an error frame" in text
    assert "line 4: 7 bytes rejected" in text
    assert "none of JK's: 351 (2)" in text


def test_a_busy_bus_of_others_is_named_in_short():
    lines = [f"(0.0) can0 {number:03X}#00" for number in [0x10F, *range(0x100, 0x140)]]
    status, _, errors = decoded("\n".join(lines).encode())
    assert status == 0
    assert "none of JK's: 10F (2), 100 (1), 101 (1)" in errors[0]
    assert errors[0].endswith("and 44 more")
    assert len(errors[0]) < 300


def test_only_foreign_frames_are_no_failure():
    status, found, errors = decoded(b"(0.0) can0 305#0011223344556677\n")
    assert (status, found) == (0, [])
    assert "305 (1)" in errors[0]


def test_a_log_is_known_by_its_content_or_its_name():
    assert can_decode.is_log("x", b"# comment\n(0.0) can0 2F4#1302B20F51000000\n")
    assert can_decode.is_log("x", b"rubbish first\n(0.0) can0 2F4#1302B20F51000000\n")
    assert can_decode.is_log("bus.BLF", b"LOGG")
    assert not can_decode.is_log("a.hex", b"55 AA EB 90 02 05\n")
    assert not can_decode.is_log("a.bin", b"\x55\xaa\xeb\x90")


@pytest.mark.parametrize("suffix", [".log", ".asc", ".blf"])
def test_logs_of_the_simulator_in_any_form(suffix, tmp_path: Path, capsys):
    file = tmp_path / f"bus{suffix}"
    write_log(make_can([0, 5], cells=8), str(file), 5)
    assert cli.main(["decode", str(file)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["address"] for one in found} == {0, 5}
    assert len(found) > 200
    for one in found:
        kind = can.classify(int(one["id"], 16), len(one["id"]) == 8)
        assert kind & 15 == one["address"]
        assert kind >> 4 <= codes.CELLS + 1
    assert {"cell_voltage_8", "soc", "charge_request", "temperature_max"} <= {n for one in found for n in one["values"]}


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, capsys):
    file = tmp_path / "bus.blf"
    file.write_bytes(b"this is no BLF file")
    assert cli.main(["decode", str(file)]) == 2
    assert "bus.blf" in capsys.readouterr().err
