"""`make flash` and `make boards`: what is checked before esptool is called, and how it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import device
import mp
import pytest
from device import __main__ as command
from device import boards, flash

ESP32, ESP32S3 = 0, 9
BOARD = '''"""Board `{name}`: for tests.

Wiring: A to A,
        B to B.
Use:    not at all
"""

NAME = "{name}"
CHIP = "{chip}"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (("rs485", 1, 22, 21, None, 1), ("second", 2, 17, 16, 4, 1))
CAN = (("can0", "mcp2515", 1, 14, 13, 12, 15, 4, None, 8000000),)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 30000
UNSURE = ()
'''


@pytest.fixture(autouse=True)
def some_boards(tmp_path, monkeypatch):
    folder = tmp_path / "boards"
    folder.mkdir()
    for name, chip in (("kit", "esp32"), ("kit_s3", "esp32s3"), ("pico", "rp2040"), ("pc", "unix")):
        (folder / f"{name}.py").write_text(BOARD.format(name=name, chip=chip))
    monkeypatch.setattr(boards, "BOARDS", folder)


@pytest.fixture
def image(tmp_path):
    """image(chip number): a file with what is looked at of MicroPython's .bin."""

    def make(number, table_at=0x7000, first=0xE9, banner=b"MicroPython v1.24.1 on 2024-11-29"):
        data = bytearray(b"\xff" * 0x9000)
        data[0] = first
        data[12:14] = number.to_bytes(2, "little")
        data[table_at : table_at + 2] = b"\xaa\x50"
        data += banner
        path = tmp_path / "firmware.bin"
        path.write_bytes(data)
        return path

    return make


@pytest.fixture
def port(tmp_path, monkeypatch):
    monkeypatch.setattr(flash.ports, "check", lambda port: None)
    path = tmp_path / "ttyUSB7"
    path.touch()
    return str(path)


@pytest.fixture
def calls(monkeypatch):
    """The calls of esptool; it ends with calls.status."""
    found = SimpleNamespace(made=[], status=0)

    def run(arguments):
        found.made.append(arguments)
        return SimpleNamespace(returncode=found.status)

    monkeypatch.setattr(subprocess, "run", run)
    return found


def test_esp32_is_written_at_its_offset(image, port, calls, capsys):
    path = image(ESP32)
    flash.flash("kit", port, str(path))
    arguments = ["--chip", "esp32", "--port", port, "--baud", "460800", "write-flash", "0x1000", str(path)]
    assert calls.made[0][1:] == ["-m", "esptool", *arguments]
    assert capsys.readouterr().out.endswith(f"Next: make deploy BOARD=kit PORT={port}\n")


def test_s3_is_written_at_the_start_and_erased_only_when_asked(image, port, calls):
    path = image(ESP32S3, 0x8000)
    flash.flash("kit_s3", port, str(path), erase=True)
    assert calls.made[0][-4:] == ["write-flash", "--erase-all", "0x0", str(path)]


def test_what_esptool_failed_at_is_explained(image, port, calls):
    calls.status = 2
    with pytest.raises(device.DeviceError, match=r"Hold the board's BOOT button"):
        flash.flash("kit", port, str(image(ESP32)))


@pytest.mark.parametrize(
    ("number", "table_at", "first", "says"),
    [
        (ESP32S3, 0x7000, 0xE9, "is for esp32s3, and this board has esp32.*/download/ESP32_GENERIC"),
        (77, 0x7000, 0xE9, "a chip of number 77"),
        (ESP32, 0x7000, 0x4D, "no firmware image"),
        (ESP32, 0x8000, 0xE9, "not the whole firmware"),
    ],
)
def test_a_wrong_image_is_refused_before_anything_is_written(image, port, calls, number, table_at, first, says):
    with pytest.raises(device.DeviceError, match=says):
        flash.flash("kit", port, str(image(number, table_at, first)))
    assert calls.made == []


@pytest.mark.parametrize(
    ("banner", "says"),
    [(b"ESPHome 2024.5", "is not MicroPython"), (b"MicroPython v1.20.0", "is MicroPython v1.20: .* 1.24 or newer")],
)
def test_what_jkbridge_does_not_run_on_is_refused(image, port, calls, banner, says):
    with pytest.raises(device.DeviceError, match=says):
        flash.flash("kit", port, str(image(ESP32, banner=banner)))
    assert calls.made == []


def test_a_build_of_ones_own_may_have_any_version(image, port, calls):
    flash.flash("kit", port, str(image(ESP32, banner=b"MicroPython my-branch on 2026-01-01")))
    assert calls.made


def test_a_file_that_may_not_be_read(image, port, calls, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    path = image(ESP32)
    monkeypatch.setattr(flash.Path, "read_bytes", denied)
    with pytest.raises(device.DeviceError, match=r"firmware.bin cannot be read: Permission denied"):
        flash.flash("kit", port, str(path))
    monkeypatch.undo()
    with pytest.raises(device.DeviceError, match=r"cannot be read: Is a directory"):
        flash.check_image(path.parent, "esp32")


def test_ctrl_c_while_it_is_written_does_not_promise_anything(image, port, monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    path = image(ESP32)
    monkeypatch.setattr(subprocess, "run", interrupted)
    assert command.main(["flash", "--board", "kit", "--port", port, "--firmware", str(path)]) == 1
    said = capsys.readouterr().err
    assert "may be half a MicroPython. Run the same command again" in said
    assert "still there" not in said


def test_a_uf2_or_nothing_is_refused(tmp_path, port, calls):
    uf2 = tmp_path / "x.uf2"
    uf2.write_bytes(b"UF2\nxxxxxxxxxxxxxxxxxxx")
    for file, says in ((str(uf2), r"is a \.uf2"), (str(tmp_path / "no.bin"), "There is no file"), ("", "FIRMWARE is")):
        with pytest.raises(device.DeviceError, match=says):
            flash.flash("kit", port, file)
    assert calls.made == []


def test_the_home_folder_of_a_file(tmp_path, image, port, calls, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    flash.flash("kit", port, f"~/{image(ESP32).name}")
    assert calls.made[0][-1] == str(tmp_path / "firmware.bin")


def test_boards_that_are_not_flashed_with_esptool(port, calls):
    with pytest.raises(device.DeviceError, match=r"copy the \.uf2 from .* onto the drive RPI-RP2"):
        flash.flash("pico", port, "x.uf2")
    with pytest.raises(device.DeviceError, match="nothing to flash"):
        flash.flash("pc", port, "x.bin")
    with pytest.raises(device.DeviceError, match=r"There is no board kat\. .* Known: kit, kit_s3, pc, pico"):
        flash.flash("kat", port, "x.bin")
    with pytest.raises(device.DeviceError, match="BOARD is missing"):
        flash.flash("", port, "x.bin")
    assert calls.made == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [("KIT-S3", "kit_s3"), ("boards/kit_s3.py", "kit_s3"), ("s3", "kit_s3"), ("piko", "pico"), ("ki", "kit or kit_s3")],
)
def test_a_name_that_is_nearly_right(name, meant):
    with pytest.raises(device.DeviceError, match=rf"There is no board {name}\. Did you mean {meant}\? Known: "):
        boards.path_of(name)


def test_nothing_is_guessed_for_a_name_far_from_all():
    with pytest.raises(device.DeviceError, match=r"There is no board arduino\. Known: "):
        boards.path_of("arduino")


def test_boards_shows_a_table(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert command.main(["boards"]) == 0
    text = capsys.readouterr().out
    for part in ("kit_s3", "esp32s3", "wifi", "rs485: RS485, TX 22 RX 21, turns by itself", "direction 4",
                 "can0: CAN, mcp2515", "A to A,", "B to B."):  # fmt: skip
        assert part in text
    assert "not at all" not in text


def test_pins_to_verify_are_in_the_table(capsys):
    (boards.BOARDS / "kit.py").write_text(BOARD.format(name="kit", chip="esp32") + 'UNSURE = ((4, "not seen yet"),)\n')
    boards.table()
    assert "unsure: pin 4, not" in capsys.readouterr().out


def test_who_reads_the_table_may_stop_early():
    environment = {**os.environ, "PYTHONPATH": str(mp.ROOT / "tools"), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        f"{sys.executable} -m device boards | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_table_of_boards_names_the_download_and_breaks_no_name(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    (boards.BOARDS / "one_with_quite_a_long_name.py").write_text(BOARD.format(name="long", chip="esp32"))
    boards.table()
    text = capsys.readouterr().out
    assert "one_with_quite_a_long_name" in text
    assert "(ESP32_GENERIC)" in text
    assert "https://micropython.org/download/NAME" in text


def test_an_error_is_one_sentence_and_a_status(capsys):
    assert command.main(["flash", "--board", "kit", "--port", "/dev/nothing"]) == 1
    assert capsys.readouterr().err.startswith("make flash: FIRMWARE is missing.")
