"""The files of boards/: their constants against the rules of chip and board, and through the code that uses them."""

from __future__ import annotations

import ast
import re
import sys
from types import SimpleNamespace

import board_machine
import board_rules
import boards_doc
import mp
import pytest
from board_faults import CAN_A, DEVKIT, MUTATIONS, PICO_CAN

from jkcore import log
from jkdevice import hardware
from jkdevice.can import mcp2515, twai

FILES = sorted((mp.ROOT / "boards").glob("*.py"))
TEXTS = {file.stem: file.read_text(encoding="utf-8") for file in FILES}
ASKED = [
    *("desktop", "esp32_devkit", "lilygo_t_2can", "lilygo_t_can485", "m5_atom_lite", "m5_atoms3_lite"),
    *("olimex_esp32_poe", "pico_w_2ch_rs485", "pico_w_can_b", "waveshare_s3_rs485_can", "wt32_eth01"),
]
REAL = sorted(set(ASKED) - {"desktop"})


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_board_file_keeps_the_rules(name):
    assert board_rules.complaints(TEXTS[name], name) == []


def test_every_board_that_was_promised_is_there():
    assert sorted(TEXTS) == sorted(ASKED)


@pytest.mark.parametrize(("board", "old", "new", "says"), MUTATIONS, ids=lambda text: text[:40])
def test_every_rule_is_kept_by_force(board, old, new, says):
    text = TEXTS[board]
    assert text.count(old) >= 1, old
    found = board_rules.complaints(text.replace(old, new), board)
    assert len(found) < 9, found  # one fault, not a landslide
    assert any(re.search(says, each) for each in found), found


class Bus:
    def __init__(self, kind, port):
        self.config = {"kind": kind, "port": port, "baud": 115200, "bitrate": 500000, "listen_only": None}
        self.poller = None
        self.was_opened = False

    def opened(self, now):
        self.was_opened = True


def module_of(text):
    """The constants of a board file, as `import board` gives them."""
    return SimpleNamespace(**board_rules.values(ast.parse(text)))


def start(text, monkeypatch):
    """What the device's program does with a board: power, then every line of it, then the watchdog."""
    board = module_of(text)
    machine = board_machine.Machine(board.CHIP)
    monkeypatch.setitem(sys.modules, "machine", machine)
    said = []
    hardware.power_up(board)
    powered = list(machine.made)
    ports = [(row, open_line(board, "rs485", row[0], said)) for row in board.SERIAL]
    ports += [(row, open_line(board, "can", row[0], said)) for row in board.CAN]
    hardware.open_watchdog(board)
    return machine, powered, ports


def open_line(board, kind, name, said):
    return hardware.open_port(Bus(kind, name), board, lambda level, text: said.append((level, text)))


@pytest.mark.parametrize("name", REAL)
def test_the_devices_program_can_use_every_line(name, monkeypatch):
    board = module_of(TEXTS[name])
    machine, powered, ports = start(TEXTS[name], monkeypatch)
    assert [(pin, level) for pin, _, level in powered] == list(board.POWER)
    assert len(ports) == len(board.SERIAL) + len(board.CAN) >= 1
    assert machine.watchdogs == [board.WATCHDOG_MS]
    for row, port in ports:
        if row in board.SERIAL:
            uart = port._uart
            assert (uart.number, uart.tx, uart.rx, uart.how["baudrate"]) == (row[1], row[2], row[3], 115200)
            del machine.levels[:]
            port.poll(0)
            port.write(b"request", 7, 0)
            sent = [("sent", 7)]
            turned = [(row[4], row[5]), *sent, ("flushed", 0), (row[4], 1 - row[5])] if row[4] is not None else sent
            assert machine.levels == turned
            assert port.bus.was_opened
        elif row[1] == "mcp2515":
            assert isinstance(port._receiver, mcp2515.Mcp2515)
            assert port._receiver.listen is False
        else:
            assert isinstance(port._receiver, twai.Twai)
            assert port._receiver.listen is True


class Lan:
    """network.LAN of an ESP32: refuses what the real one refuses."""

    def __init__(self, mdc, mdio, phy_type, phy_addr, power=None, reset=None, ref_clk=None, ref_clk_mode=None):
        pins = (mdc, mdio, power, reset, ref_clk)
        if not all(pin is None or isinstance(pin, board_machine.Pin) for pin in pins):
            raise ValueError("invalid pin")
        if ref_clk is not None and ref_clk.number and ref_clk_mode != board_machine.Pin.OUT:
            raise ValueError("invalid ref_clk")
        self.asked = (phy_type, phy_addr, *(pin and pin.number for pin in pins), ref_clk_mode)


def network_of(text, monkeypatch):
    board = module_of(text)
    monkeypatch.setitem(sys.modules, "machine", board_machine.Machine(board.CHIP))
    monkeypatch.setitem(sys.modules, "network", SimpleNamespace(LAN=Lan, PHY_LAN8720="the PHY"))
    return hardware.open_network(board, {"ssid": "", "hostname": "jk"}, None, lambda: 0)


def test_the_devices_program_can_use_the_ethernet_of_a_board(monkeypatch):
    made = {name: network_of(TEXTS[name], monkeypatch) for name in REAL if 'NETWORK = "lan"' in TEXTS[name]}
    assert {name: way._lan.asked for name, way in made.items()} == {
        "olimex_esp32_poe": ("the PHY", 0, 23, 18, 12, None, 17, 3),
        "wt32_eth01": ("the PHY", 1, 23, 18, 16, None, None, None),
    }


@pytest.mark.parametrize(
    ("board", "old", "new"),
    [
        ("olimex_esp32_poe", '    ("ref_clk_mode", "OUT"),\n', ""),
        ("olimex_esp32_poe", '"PHY_LAN8720"', '"PHY_LAN9999"'),
        ("wt32_eth01", '("mdc", 23)', '("mdc", 24)'),
    ],
)
def test_an_ethernet_that_the_code_cannot_use_is_refused(board, old, new, monkeypatch):
    assert old in TEXTS[board]
    with pytest.raises(hardware.BoardError, match="the Ethernet of board"):
        network_of(TEXTS[board].replace(old, new), monkeypatch)


@pytest.mark.parametrize("name", REAL)
def test_without_a_name_the_first_line_is_taken_and_never_the_experiment(name, monkeypatch):
    board = module_of(TEXTS[name])
    monkeypatch.setitem(sys.modules, "machine", board_machine.Machine(board.CHIP))
    if board.SERIAL:
        port = open_line(board, "rs485", "", [])
        assert port._uart.number == board.SERIAL[0][1]
    if any(row[1] == "mcp2515" for row in board.CAN):
        assert isinstance(open_line(board, "can", "", [])._receiver, mcp2515.Mcp2515)
    elif board.CAN:
        with pytest.raises(hardware.BoardError, match=f'no driver.*experimental.*"port": "{board.CAN[0][0]}"'):
            open_line(board, "can", "", [])
    else:
        with pytest.raises(hardware.BoardError, match="has no CAN controller"):
            open_line(board, "can", "", [])


@pytest.mark.parametrize(
    ("board", "old", "new"),
    [
        ("esp32_devkit", DEVKIT, '("max3485", 1, 34, 33, 32, 1)'),
        ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 35, 1)'),
        ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 32)'),
        ("esp32_devkit", DEVKIT, '("max3485", 3, 25, 33, 32, 1)'),
        ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 24, 32, 1)'),
        ("lilygo_t_can485", "(16, 1),", "(36, 1),"),
        ("lilygo_t_2can", CAN_A, CAN_A.replace("16000000", "12000000")),
        ("lilygo_t_2can", CAN_A, CAN_A.replace(" 9,", "")),
        ("lilygo_t_2can", CAN_A, CAN_A.replace('"mcp2515"', '"mcp2517"')),
        ("lilygo_t_2can", '"esp32s3", 7, 6)', '"esp32s2", 7, 6)'),
        ("pico_w_can_b", PICO_CAN, PICO_CAN.replace("6, 7", "7, 6")),
        ("pico_w_2ch_rs485", '("uart1", 1, 4, 5,', '("uart1", 1, 8, 5, 6, '),
        ("pico_w_2ch_rs485", '("uart1", 1, 4, 5,', '("uart1", 1, 0, 1,'),
        ("pico_w_can_b", "WATCHDOG_MS = 8000", "WATCHDOG_MS = 9000"),
    ],
)
def test_a_row_that_the_code_cannot_use_is_refused(board, old, new, monkeypatch):
    assert old in TEXTS[board]
    with pytest.raises((ValueError, TypeError, IndexError, hardware.BoardError)):
        start(TEXTS[board].replace(old, new), monkeypatch)


def test_the_page_is_that_of_the_boards():
    found = boards_doc.PAGE.read_text(encoding="utf-8")
    assert found == boards_doc.page(), "run: python tools/boards_doc.py"


def test_the_page_tells_of_every_board_what_its_owner_must_know():
    sections = boards_doc.page().split("\n## ")[1:]
    assert [section.split("\n")[0] for section in sections] == [name for name in boards_doc.order() if name in TEXTS]
    assert len(sections) == len(TEXTS)
    for section in sections:
        board = module_of(TEXTS[section.split("\n")[0]])
        for row in (*board.SERIAL, *board.CAN):
            assert f"| `{row[0]}` |" in section
        assert (board.FIRMWARE or "micropython") in section
        for start, end in board_rules.wires(TEXTS[board.NAME].split('"""')[1]):
            assert f"| {start} | {end} |" in section
        for pin, why in board.UNSURE:
            assert "verify on the schematic" in section
            assert f"{pin} ({why})" in section
        if not board.UNSURE:
            assert "schematic" not in section
        for pin, level in board.POWER:
            assert f"{pin} {'high' if level else 'low'}" in section


def test_a_line_says_its_name_once(monkeypatch):
    said = []
    monkeypatch.setitem(sys.modules, "machine", board_machine.Machine("esp32"))
    port = open_line(module_of(TEXTS["esp32_devkit"]), "rs485", "", said)
    port.poll(0)
    port.poll(1)
    assert said == [(log.INFO, "The serial line is max3485.")]
