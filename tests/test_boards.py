"""boards/*.py keep the rules of board_rules.py, each rule can fail, and the device's code takes every row."""

from __future__ import annotations

import ast
import sys
from types import SimpleNamespace

import board_rules
import boards_doc
import mp
import pytest

from jkdevice import hardware
from jkdevice.can import rows
from jkdevice.ports import uart_port

FILES = sorted((mp.ROOT / "boards").glob("*.py"))
WANTED = {
    "desktop", "esp32_devkit", "lilygo_t_can485", "lilygo_t_2can", "waveshare_s3_rs485_can", "m5_atom_lite",
    "m5_atoms3_lite", "wt32_eth01", "olimex_esp32_poe", "pico_w_2ch_rs485", "pico_w_can_b",
}  # fmt: skip
DEVKIT = (mp.ROOT / "boards" / "esp32_devkit.py").read_text()


def load(path):
    return SimpleNamespace(**board_rules.constants(path.read_text())[0])


def test_every_board_is_there():
    assert {path.stem for path in FILES} == WANTED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_board_keeps_the_rules(path):
    assert board_rules.faults(path.read_text(), path.stem) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_board_says_what_is_special(path):
    about = ast.get_docstring(ast.parse(path.read_text()))
    board = load(path)
    words = []
    if any(row[1] == "twai" for row in board.CAN):
        words += ["no driver", "experimental", "never run on hardware", '"twai"']
    if board.CAN:
        words += ["4 = L, 5 = H", "4 = H, 5 = L", "120 ohm"]
    if board.SERIAL:
        words += ["pin 2 or 7", "pin 1 or 8"]
    text = " ".join(about.split())
    assert [word for word in words if word not in text] == []
    assert not board.UNSURE or "verify" in text or "the other way round" in text


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("1, 25, 33, 32, 1)", "1, 25, 25, 32, 1)", "pin 25 is used twice: TX of rs485, RX of rs485"),
        ("1, 25, 33, 32, 1)", "1, 27, 33, 32, 1)", "pin 27 is used twice: TX of rs485, TX of twai"),
        ("1, 25, 33, 32, 1)", "1, 12, 33, 32, 1)", "pin 12 (TX of rs485) is a strapping pin"),
        ("1, 25, 33, 32, 1)", "1, 25, 33, 15, 1)", "pin 15 (direction of rs485) is a strapping pin"),
        ("1, 25, 33, 32, 1)", "1, 25, 8, 32, 1)", "pin 8 (RX of rs485) belongs to flash, PSRAM or the WiFi chip"),
        ("1, 25, 33, 32, 1)", "1, 34, 33, 32, 1)", "pin 34 can only be an input (TX of rs485)"),
        ("1, 25, 33, 32, 1)", "1, 24, 33, 32, 1)", "esp32 has no pin 24 (TX of rs485)"),
        ("1, 25, 33, 32, 1)", "0, 25, 33, 32, 1)", "UART0 is not for a bus on esp32"),
        ("1, 25, 33, 32, 1)", "1, 1, 3, 32, 1)", "pin 1 (TX of rs485) is the console's (UART0)"),
        ("1, 25, 33, 32, 1)", "1, 25, 33, 32, 2)", "SERIAL ('rs485', 1, 25, 33, 32, 2) is not"),
        ("  # free pins, no strapping pin, not in the way of PSRAM (16, 17)", "", "has no source behind it"),
        ("8000000", "12000000", "crystal 12000000"),
        ('"esp32", 27', '"esp32s3", 27', "esp32 has no TWAI of esp32s3"),
        ('"twai", "twai"', '"can0", "twai"', "two lines have one name"),
        ('NETWORK = "wifi"', 'NETWORK = "lan"', "NETWORK and LAN do not fit"),
        ("LAN = ()", 'LAN = (("mdc", 13),)  # somewhere', "NETWORK and LAN do not fit"),
        ("WATCHDOG_MS = 20000", "WATCHDOG_MS = 0", "WATCHDOG_MS 0"),
        ("STRAPPING_OK = ()", 'STRAPPING_OK = ((12, "no"),)', "STRAPPING_OK 12 is not needed"),
        ("UNSURE = ()", "UNSURE = (13,)", "UNSURE 13 is not used"),
        ('NAME = "esp32_devkit"', 'NAME = "devkit"', "NAME devkit is not the name of the file"),
        ("Wiring:", "Wires:", "no wiring in the doc string"),
        ("POWER = ()", "import machine\nPOWER = ()", "is no constant"),
        ("POWER = ()", "POWER = tuple(())", "is no constant"),
        ("POWER = ()\n", "", "POWER is missing"),
        ("POWER = ()", "POWER = ()\nLED = 2", "LED is unknown"),
        ('CHIP = "esp32"', 'CHIP = "esp33"', "CHIP esp33 is unknown"),
    ],
)
def test_each_rule_can_fail(old, new, fault):
    assert DEVKIT.count(old) == 1
    assert any(fault in found for found in board_rules.faults(DEVKIT.replace(old, new), "esp32_devkit"))


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("pico_w_2ch_rs485", "1, 4, 5", "1, 5, 4", "UART1 of an RP2040 is not on pins 5, 4"),
        ("pico_w_2ch_rs485", "WATCHDOG_MS = 8000", "WATCHDOG_MS = 9000", "WATCHDOG_MS 9000"),
        ("pico_w_2ch_rs485", "1, 4, 5", "1, 24, 5", "belongs to flash, PSRAM or the WiFi chip"),
        ("pico_w_can_b", '"mcp2515", 0, 6', '"mcp2515", 1, 6', "SPI1 of an RP2040"),
        ("lilygo_t_2can", "8, 9, 16000000", "8, 43, 16000000", "is the console's (UART0)"),
        ("lilygo_t_2can", "8, 9, 16000000", "8, 33, 16000000", "belongs to flash, PSRAM"),
        ("lilygo_t_2can", "8, 9, 16000000", "8, 46, 16000000", "is a strapping pin"),
        ("wt32_eth01", '("power", 16)', '("power", 39)', "pin 39 can only be an input"),
        ("wt32_eth01", '("power", 16)', '("colour", 16)', "LAN colour"),
        ("wt32_eth01", "1, 17, 35, 33", "1, 17, 25, 33", "pin 25 is used twice: RX of rs485, Ethernet (RMII)"),
        ("olimex_esp32_poe", '("ref_clk_mode", "OUT"),', "", "the clock of the Ethernet has another direction"),
        ("olimex_esp32_poe", '("ref_clk", 17)', '("ref_clk", 14)', "the clock of the Ethernet has another"),
        ("olimex_esp32_poe", '(12, "the', '(15, "the', "pin 12 (LAN power) is a strapping pin"),
    ],
)
def test_rules_of_other_chips_can_fail(name, old, new, fault):
    source = (mp.ROOT / "boards" / f"{name}.py").read_text()
    assert source.count(old) == 1
    assert any(fault in found for found in board_rules.faults(source.replace(old, new), name))


class Pin:
    """machine.Pin that remembers what it was told."""

    IN, OUT, PULL_UP = 0, 1, 2
    made: list[tuple] = []  # noqa: RUF012

    def __init__(self, *arguments, value=None):
        Pin.made.append((*arguments, value))


class Machine:
    """The module machine of a device."""

    Pin = Pin

    class UART:
        def __init__(self, number, **words):
            self.number = number
            self.words = words

    class SPI:
        def __init__(self, number, **words):
            self.number = number


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_devices_code_takes_every_row(path, monkeypatch):
    board = load(path)
    monkeypatch.setitem(sys.modules, "machine", Machine)
    Pin.made.clear()
    hardware.power_up(board)
    assert [made[0] for made in Pin.made] == [pin for pin, _ in board.POWER]
    for row in board.SERIAL:
        found = hardware.serial_row(board, row[0])
        uart = uart_port.open_uart(Machine, found[1:], 115200)
        assert uart.number == row[1]
        Pin.made.clear()
        direction = uart_port.open_direction(Machine, found[1:])
        assert (direction is None) == (row[4] is None)
        assert Pin.made in ([], [(row[4], Pin.OUT, 1 - row[5])])  # it listens
    for row in board.CAN:
        if row[1] == "mcp2515":
            assert rows.make(board, row[0], 500000, None, Machine) is not None
        else:
            assert rows.can_row(board, row[0]) is row
    if board.CAN and all(row[1] == "twai" for row in board.CAN):
        with pytest.raises(hardware.BoardError, match="never run on hardware"):
            rows.can_row(board, "")


def test_the_page_is_made_of_the_files():
    assert boards_doc.PAGE.read_text(encoding="utf-8") == boards_doc.page(), "run: python tools/boards_doc.py"
