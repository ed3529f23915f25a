"""What a board file must be: rules a board of this project keeps, checked without MicroPython. faults(source, name)
lists what is wrong; tests/test_boards.py uses it.

Pins of the chips: Espressif's datasheets (strapping pins, flash and PSRAM pins, input-only pins), RP2040 datasheet
section 1.4.3 (functions of the pins).
"""

from __future__ import annotations

import ast
from types import SimpleNamespace

SHAPE: dict[str, type | tuple[type, ...]] = {
    "NAME": str, "CHIP": str, "FIRMWARE": str, "SERIAL": tuple, "CAN": tuple, "POWER": tuple,
    "NETWORK": (str, type(None)), "LAN": tuple, "WATCHDOG_MS": int, "STRAPPING_OK": tuple, "UNSURE": tuple,
}  # fmt: skip
LAN_PINS = ("mdc", "mdio", "power", "ref_clk")
LAN_OTHERS = ("phy_type", "phy_addr", "ref_clk_mode")
# Fixed pins of the ESP32's Ethernet MAC (RMII): TXD0, TX_EN, TXD1, RXD0, RXD1, CRS_DV
RMII = (19, 21, 22, 25, 26, 27)
# Those of its clock: an input on 0, an output on the others
RMII_CLOCKS = {0: "IN", 16: "OUT", 17: "OUT"}
CRYSTALS = (8_000_000, 16_000_000, 20_000_000)


class Chip:
    """Pins of a chip. uarts: numbers a bus may use."""

    def __init__(self, pins, strapping=(), flash=(), input_only=(), uarts=(1,), watchdog=10**9):
        self.pins = frozenset(pins)
        self.strapping = frozenset(strapping)
        self.flash = frozenset(flash)
        self.input_only = frozenset(input_only)
        self.uarts = uarts
        self.watchdog = watchdog


CHIPS = {
    "esp32": Chip(
        [*range(24), *range(25, 28), *range(32, 40)], (0, 2, 5, 12, 15), range(6, 12), range(34, 40), (1, 2)
    ),
    # 33 to 37: octal PSRAM
    "esp32s3": Chip([*range(22), *range(26, 49)], (0, 3, 45, 46), range(26, 38), (), (1, 2)),
    "esp32c3": Chip(range(22), (2, 8, 9), range(11, 18)),
    # 23 to 25 and 29 belong to the WiFi chip of a Pico W
    "rp2040": Chip(range(29), (), range(23, 26), (), (1,), 8388),
    "unix": Chip(()),
}
UART0 = {"esp32": (1, 3), "esp32s3": (43, 44), "esp32c3": (20, 21), "rp2040": (), "unix": ()}
RP2_UART = {1: {"tx": (4, 8), "rx": (5, 9)}}
RP2_SPI = {
    0: {"miso": (0, 4, 16, 20), "sck": (2, 6, 18, 22), "mosi": (3, 7, 19)},
    1: {"miso": (8, 12, 28), "sck": (10, 14, 26), "mosi": (11, 15, 27)},
}


def constants(source: str) -> tuple[dict[str, object], list[str]]:
    """The constants of a board file, and what in it is none."""
    found: dict[str, object] = {}
    wrong = []
    tree = ast.parse(source)
    for node in tree.body[1:] if ast.get_docstring(tree) else tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
                continue
            except ValueError:
                pass
        wrong.append(f"line {node.lineno} is no constant")
    return found, wrong


class _Uses:
    """Pins of a board: who uses them, and as what."""

    def __init__(self) -> None:
        self.users: dict[int, list[str]] = {}
        self.outputs: dict[int, str] = {}

    def add(self, pin: int | None, what: str, output: bool) -> None:
        if pin is not None:
            self.users.setdefault(pin, []).append(what)
            if output:
                self.outputs[pin] = what


def faults(source: str, name: str) -> list[str]:
    """Everything that is wrong with the text of boards/<name>.py."""
    found, wrong = constants(source)
    for key, kind in SHAPE.items():
        if not isinstance(found.get(key, ...), kind):
            wrong.append(f"{key} is missing or of the wrong type")
    wrong += [f"{key} is unknown" for key in found if key not in SHAPE]
    if wrong:
        return wrong
    board = SimpleNamespace(**found)
    if name != board.NAME:
        wrong.append(f"NAME {board.NAME} is not the name of the file")
    if "Wiring:" not in (ast.get_docstring(ast.parse(source)) or ""):
        wrong.append("no wiring in the doc string")
    chip = CHIPS.get(board.CHIP)
    if chip is None:
        return [*wrong, f"CHIP {board.CHIP} is unknown"]
    wrong += _rows(board, chip)
    if not wrong:
        wrong += _pins(board, chip, _uses(board))
    return wrong + _sources(source)


def _rows(board: SimpleNamespace, chip: Chip) -> list[str]:
    """Shapes and values that are not pins."""
    wrong = []
    names = [row[0] for row in (*board.SERIAL, *board.CAN)]
    if len(set(names)) < len(names):
        wrong.append("two lines have one name")
    for row in board.SERIAL:
        if len(row) != 6 or row[5] not in (0, 1):
            wrong.append(f"SERIAL {row} is not (name, uart, tx, rx, de, de_active)")
        elif row[1] not in chip.uarts:
            wrong.append(f"UART{row[1]} is not for a bus on {board.CHIP}")
    for row in board.CAN:
        size = {"mcp2515": 10, "machine": 3, "module": 4, "twai": 5}.get(row[1])
        if size != len(row):
            wrong.append(f"CAN {row} has not the shape of its kind")
        elif row[1] == "mcp2515" and row[9] not in CRYSTALS:
            wrong.append(f"crystal {row[9]}")
        elif row[1] == "twai" and (row[2] != board.CHIP or not row[2].startswith("esp32")):
            wrong.append(f"{board.CHIP} has no TWAI of {row[2]}")
    if board.NETWORK not in (None, "wifi", "lan") or (board.NETWORK == "lan") != bool(board.LAN):
        wrong.append("NETWORK and LAN do not fit")
    wrong += [f"LAN {row[0]}" for row in board.LAN if row[0] not in LAN_PINS + LAN_OTHERS]
    lan = dict(board.LAN)
    if lan and lan.get("ref_clk_mode", "IN") != RMII_CLOCKS.get(lan.get("ref_clk", 0)):
        wrong.append("the clock of the Ethernet has another direction on this pin")
    if not 0 <= board.WATCHDOG_MS <= chip.watchdog or (board.CHIP != "unix" and not board.WATCHDOG_MS):
        wrong.append(f"WATCHDOG_MS {board.WATCHDOG_MS}")
    return wrong


def _uses(board: SimpleNamespace) -> _Uses:
    uses = _Uses()
    for name, _, tx, rx, de, _ in board.SERIAL:
        uses.add(tx, f"TX of {name}", True)
        uses.add(rx, f"RX of {name}", False)
        uses.add(de, f"direction of {name}", True)
    for row in board.CAN:
        if row[1] == "mcp2515":
            for pin, what, output in zip(
                row[3:9], ("SCK", "MOSI", "MISO", "CS", "INT", "RESET"), (1, 1, 0, 1, 0, 1), strict=True
            ):
                uses.add(pin, f"{what} of {row[0]}", bool(output))
        elif row[1] in ("module", "twai"):
            uses.add(row[-2], f"TX of {row[0]}", True)
            uses.add(row[-1], f"RX of {row[0]}", False)
    for pin, _ in board.POWER:
        uses.add(pin, "POWER", True)
    for name, value in board.LAN:
        if name in LAN_PINS:
            uses.add(value, f"LAN {name}", True)
    if board.LAN:
        for pin in RMII:
            uses.add(pin, "Ethernet (RMII)", False)
    return uses


def _pins(board: SimpleNamespace, chip: Chip, uses: _Uses) -> list[str]:
    wrong = [f"pin {pin} is used twice: {', '.join(users)}" for pin, users in uses.users.items() if len(users) > 1]
    waived = {pin for pin, _ in board.STRAPPING_OK}
    for pin, (what, *_) in uses.users.items():
        if pin not in chip.pins:
            wrong.append(f"{board.CHIP} has no pin {pin} ({what})")
        if pin in chip.flash:
            wrong.append(f"pin {pin} ({what}) belongs to flash, PSRAM or the WiFi chip")
        if pin in chip.strapping and pin not in waived:
            wrong.append(f"pin {pin} ({what}) is a strapping pin")
        if pin in UART0[board.CHIP]:
            wrong.append(f"pin {pin} ({what}) is the console's (UART0)")
    for pin, what in uses.outputs.items():
        if pin in chip.input_only:
            wrong.append(f"pin {pin} can only be an input ({what})")
    wrong += [f"STRAPPING_OK {pin} is not needed" for pin in waived if pin not in chip.strapping & uses.users.keys()]
    wrong += [f"UNSURE {pin} is not used" for pin in board.UNSURE if pin not in uses.users]
    if board.CHIP == "rp2040":
        for _, uart, tx, rx, _, _ in board.SERIAL:
            if tx not in RP2_UART[uart]["tx"] or rx not in RP2_UART[uart]["rx"]:
                wrong.append(f"UART{uart} of an RP2040 is not on pins {tx}, {rx}")
        for row in board.CAN:
            wires = dict(zip(("sck", "mosi", "miso"), row[3:6], strict=True))
            if any(pin not in RP2_SPI[row[2]][wire] for wire, pin in wires.items()):
                wrong.append(f"SPI{row[2]} of an RP2040 is not on pins {wires}")
    return wrong


def _sources(source: str) -> list[str]:
    """Every row with a pin says behind itself where it is from."""
    lines = source.splitlines()
    wrong = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id in ("SERIAL", "CAN", "POWER", "LAN"):
            for row in node.value.elts:
                if len(lines[row.end_lineno - 1].partition("#")[2].strip()) < 5:
                    wrong.append(f"line {row.end_lineno} has no source behind it")
    return wrong
