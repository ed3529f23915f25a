"""`jkbridge decode`: JSON lines on stdout, rejected pieces on stderr, exit status 0, 1, 2, and no secret anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import core_bytes as cb
import mp
import pytest
import recordings


def run(*arguments: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command itself, as a process."""
    return subprocess.run(
        [sys.executable, "-m", "jkbridge", "decode", *map(str, arguments)],
        input=data,
        capture_output=True,
        timeout=60,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join([str(mp.FIRMWARE), str(mp.ROOT / "host_shim")])),
    )


def decode(*arguments: object, data: bytes = b"") -> tuple[int, list[dict], str]:
    """(exit status, JSON objects, text on stderr) of the command."""
    done = run(*arguments, data=data)
    lines = done.stdout.decode("utf-8").splitlines()
    return done.returncode, [json.loads(line) for line in lines], done.stderr.decode("utf-8")


def hex_text(data: bytes) -> bytes:
    """`data` as ../shared/frames writes it."""
    return b"# a recording\n" + data.hex(" ").upper().encode() + b"\n"


def saved(folder: Path, data: bytes, name: str = "recording.hex") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def test_one_line_per_frame_with_type_address_and_values(tmp_path):
    data = cb.unit(cb.live(), 3) + cb.unit(cb.settings(2), 2) + cb.unit(cb.about(), 15)
    status, lines, errors = decode(saved(tmp_path, hex_text(data)))
    assert (status, errors) == (0, "")
    assert [(line["type"], line["address"]) for line in lines] == [("live", 3), ("settings", 2), ("about", 15)]
    assert all(set(line) == {"type", "address", "values"} for line in lines)
    live, settings, about = (line["values"] for line in lines)
    assert live["cell_voltage_1"] == 3.3
    assert live["cell_voltage_16"] == 3.3
    assert "cell_voltage_17" not in live
    assert "cell_voltage_0" not in live
    assert "cell_wire_resistance_17" not in live
    assert live["cell_count"] == 16
    assert live["cell_mask"] == 0xFFFF
    assert (live["cell_max_number"], live["cell_min_number"]) == (3, 1)
    assert live["power"] == -264.075  # 52.815 V x -5 A
    assert live["power_magnitude"] == 264.075
    assert (live["alarms"], live["alarm_list"]) == (0, [])
    assert (live["charge_mos"], live["balance_state"]) == (1, 0)  # raw, not ON or off
    assert live["temperature_2"] == -1.2
    assert "temperature_5" not in live  # absent: -200.0 on the wire
    assert settings["cell_overvoltage_protection"] == 3.65
    assert settings["charge_undertemperature_protection"] == -20.0
    assert settings["controls"] == 0x3210
    assert settings["device_address"] == 2
    assert about["software_version"] == "15.41"
    assert about["rfv_time"] == 24.0


def test_what_is_left_out_by_name(tmp_path):
    """User data, names, serial, passwords, unknown bytes and masks other than the one of the cells."""
    data = cb.unit(cb.live(), 1) + cb.unit(cb.settings(1), 1) + cb.unit(cb.about(), 1)
    _, lines, _ = decode(saved(tmp_path, hex_text(data)))
    names = {name for line in lines for name in line["values"]}
    for name in (
        "user_alarm", "user_alarm_2", "reserved_216", "voltage_correction", "balance_charge_pwm",
        "balance_discharge_pwm", "byte_238", "c_voltage_raw", "mcu_id", "byte_244", "charger_plugged",
        "temperature_3", "battery_type", "byte_276", "byte_277", "byte_286", "wire_resistance_alarm_mask",
        "capability_mask", "device_name", "device_passcode", "serial_number", "user_data", "user_data_2",
        "setup_password", "cell_voltage_max", "cell_voltage_min", "heating_enabled",
    ):  # fmt: skip
        assert name not in names, name


def test_addresses_without_an_ack(tmp_path):
    """Settings: byte 270; the others: null."""
    data = bytes(cb.settings(7) + cb.live() + cb.about())
    status, lines, errors = decode(saved(tmp_path, hex_text(data)))
    assert (status, errors) == (0, "")
    assert [line["address"] for line in lines] == [7, None, None]


def test_settings_of_an_impossible_address_have_none(tmp_path):
    _, lines, _ = decode(saved(tmp_path, hex_text(bytes(cb.settings(200)))))
    assert lines[0]["address"] is None


def test_traffic_and_logs_are_accounted_for_silently(tmp_path):
    data = b"".join(
        [
            cb.request(1, cb.LIVE), cb.unit(cb.live(), 1), cb.ack(2, cb.SETTINGS), cb.exception(2),
            cb.sealed(bytes.fromhex("010312a00002")), cb.sealed(bytes.fromhex("01030400000000")),
            cb.sealed(bytes.fromhex("0110107000020400000001")), cb.unit(cb.empty(5), 1), cb.unit(cb.empty(6), 1),
        ]
    )  # fmt: skip
    status, lines, errors = decode(saved(tmp_path, hex_text(data)))
    assert (status, errors, len(lines)) == (0, "", 1)


def test_every_recording_is_accounted_for(frames_dir):
    cb.need("INDEX.md")  # recordings of one's own may hold noise
    files = sorted(Path(recordings.rs485()).glob("*.hex"))
    status, lines, errors = decode(*files)
    assert (status, errors) == (0, "")
    kinds = [line["type"] for line in lines]
    assert kinds.count("about") == sum(len(cb.frames_in(cb.read(f.name), 3)) for f in files)
    assert kinds.count("settings") == sum(len(cb.frames_in(cb.read(f.name), 1)) for f in files)
    assert kinds.count("live") == sum(len(cb.frames_in(cb.read(f.name), 2)) for f in files)


def test_rejected_pieces_are_named_with_offset_and_reason(tmp_path):
    bent = bytearray(cb.unit(cb.live(), 1))
    bent[200] ^= 8
    data = cb.unit(cb.live(), 2) + b"\xff\xff\xff" + cb.unit(cb.live(), 3) + bytes(bent) + cb.unit(cb.live(), 4)
    status, lines, errors = decode(saved(tmp_path, hex_text(data)))
    assert status == 1
    assert [line["address"] for line in lines] == [2, 3, 4]
    said = errors.splitlines()
    assert len(said) == 2
    assert "offset 308" in said[0]
    assert "3 bytes" in said[0]
    assert "no frame" in said[0]
    assert "offset 619" in said[1]
    assert "checksum" in said[1]


def test_a_file_of_something_else_is_told_to_be_none(tmp_path):
    status, lines, errors = decode(saved(tmp_path, b"a letter to my aunt"))
    assert (status, lines) == (1, [])
    assert "no values of a JK battery are in these 19 bytes" in errors


def test_a_frame_cut_short_at_the_end_is_rejected(tmp_path):
    status, lines, errors = decode(saved(tmp_path, hex_text(cb.unit(cb.live(), 1) + cb.unit(cb.live(), 1)[:250])))
    assert (status, len(lines)) == (1, 1)
    assert "offset 308" in errors
    assert "short" in errors


def test_raw_bytes_and_standard_input(tmp_path):
    data = cb.unit(cb.live(), 3) + cb.unit(cb.about(), 3)
    expected = decode(saved(tmp_path, hex_text(data)))
    assert decode(saved(tmp_path, data, "recording.bin")) == expected
    assert decode("-", data=data) == expected
    assert decode("-", data=hex_text(data)) == expected


def test_files_that_cannot_be_read(tmp_path):
    good = saved(tmp_path, hex_text(cb.unit(cb.live(), 3)))
    status, lines, errors = decode(tmp_path / "absent.hex", good)
    assert (status, len(lines)) == (2, 1)
    assert "absent.hex" in errors
    status, lines, errors = decode(tmp_path)
    assert (status, lines) == (2, [])
    bad = saved(tmp_path, b"\xff\xfe junk", "junk.bin")
    assert decode(bad, tmp_path / "absent.hex")[0] == 2
    status, _, errors = decode(good, bad)
    assert status == 1
    assert "junk.bin" in errors


def test_an_empty_recording_says_so(tmp_path):
    for name, data in (("empty.hex", b""), ("comments.hex", b"# nothing\n")):
        status, lines, errors = decode(saved(tmp_path, data, name))
        assert lines == []
        assert "no bytes" in errors
        assert status == 2


def test_no_secret_is_printed(tmp_path):
    """Plant secrets in an about frame; also where a damaged frame is reported nothing of it is shown."""
    bent = bytearray(cb.unit(cb.about(), 1))
    bent[33] ^= 1
    data = cb.unit(cb.about(), 1) + bytes(cb.about()) + bytes(bent)
    for content in (hex_text(data), data):
        status, lines, errors = decode("--doubt", "-", data=content)
        assert (status, len(lines)) == (1, 2)
        said = json.dumps(lines) + errors
        for secret in cb.SECRETS:
            assert secret not in said
            assert secret[:6] not in said
        assert lines[0]["values"]["model"] == "JK_PB2A16S20P"


def test_text_that_could_break_json_or_a_terminal_is_made_harmless(tmp_path):
    frame = cb.about()
    frame[6:21] = b'J"\\\x1b[31m\n\x7f\xffK\x80\x90 '
    status, lines, _ = decode(saved(tmp_path, hex_text(cb.unit(cb.seal(frame), 1))))
    assert status == 0
    model = lines[0]["values"]["model"]
    assert model.startswith("J??")
    assert all(32 <= ord(c) < 127 for c in model)


def test_numbers_at_their_extremes(tmp_path):
    """2**30 and more is null on both homes; masks are told in full."""
    frame = cb.live()
    for at in (158, 174, 178, 182, 186, 194, 246):
        cb.put(frame, at, 0xFFFFFFFF if at != 158 else 0x80000000, 4)
    cb.put(frame, 166, 0xFFFFFFFF, 4)
    cb.put(frame, 174, -1, 4)
    _, lines, _ = decode(saved(tmp_path, cb.unit(cb.seal(frame), 1), "x.bin"))
    values = lines[0]["values"]
    for name in ("current", "power", "capacity_full", "cycle_count", "cycle_capacity", "total_runtime", "system_ticks"):
        assert values[name] is None, name
    assert values["capacity_remaining"] == -0.001
    assert values["alarms"] == 0xFFFFFFFF
    assert len(values["alarm_list"]) == 32
    assert values["alarm_list"][-1] == "bit_31"


@pytest.mark.parametrize(("option", "status"), [("--help", 0), ("--nonsense", 2)])
def test_help_and_usage(option, status):
    done = run(option, "x")
    assert done.returncode == status
    assert b"--doubt" in done.stdout if status == 0 else b"--nonsense" in done.stderr
