"""The rules of board files, read off their text: constants of the right shape, pins that the chip and the board have.

complaints(text, stem) says what is wrong with a board file; what the constants mean is in boards/desktop.py.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import Any, NamedTuple

from board_chips import CHIPS, FIRMWARES, PICO_WATCHDOG

from jkdevice.can import mcp2515

NAMES = ("NAME", "CHIP", "FIRMWARE", "SERIAL", "CAN", "POWER", "NETWORK", "LAN", "WATCHDOG_MS", "WAIVED", "UNSURE")

LAN_PINS = {"mdc": "out", "mdio": "out", "power": "out", "reset": "out", "ref_clk": "in"}
LAN_WORDS = {
    "phy_type": ("PHY_LAN8710", "PHY_LAN8720", "PHY_IP101", "PHY_RTL8201", "PHY_DP83848", "PHY_KSZ8041", "PHY_KSZ8081"),
    "ref_clk_mode": ("IN", "OUT"),
}
EMAC = (19, 21, 22, 25, 26, 27)  # of the ESP32: where its Ethernet is fixed
LONGEST_STEP = 5000  # ms; what the program may block for must not set off the watchdog

# What a wire may end at on the battery (protocol notes: RS485 symmetric, CAN disputed)
JACKS = {
    "SERIAL": ("RS485 jack pins 2, 7 (A)", "RS485 jack pins 1, 8 (B)", "RS485 jack pins 3, 6 (GND)"),
    "CAN": ("CAN jack pin 4, or 5 (H)", "CAN jack pin 5, or 4 (L)", "CAN jack pin 2, or 7 (GND)"),
}
# owner/repository, a file in it, or a pin that is ours to choose
_SOURCE = re.compile(r"\w/\w|\w\.(h|net|py|rst)\b|free choice")
_LETTER = re.compile(r"\b(A|B|H|L|CANH|CANL|GND)(?=$|[ +-])")


class Use(NamedTuple):
    """A pin of the chip in use. way: "in" or "out"."""

    pin: int
    way: str
    what: str


def complaints(text: str, stem: str) -> list[str]:
    """What is wrong with the board file `stem`.py. Later rules count on earlier ones: the first group that fails is
    all that is said.
    """
    tree = ast.parse(text)
    said = list(_constants(tree))
    if said:
        return said
    board = values(tree)
    said = list(_shapes(board))
    if said:
        return said
    about = ast.get_docstring(tree) or ""
    groups = (_names(board, stem), _words(board, about), _pins(board), _controllers(board), _network(board))
    return [*(each for group in groups for each in group), *_sources(tree, text)]


def values(tree: ast.Module) -> dict[str, Any]:
    """The constants by name."""
    return {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body[1:]}  # type: ignore[attr-defined]


def _constants(tree: ast.Module) -> Iterator[str]:
    if ast.get_docstring(tree) is None:
        yield "no doc string"
        return
    found = []
    for node in tree.body[1:]:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            yield f"line {node.lineno}: not a constant"
            continue
        found.append(node.targets[0].id)
        try:
            ast.literal_eval(node.value)
        except ValueError:
            yield f"line {node.lineno}: {found[-1]} is not a constant"
    if sorted(found) != sorted(NAMES):
        yield f"constants are {', '.join(found)}, not {', '.join(NAMES)}"


def _integer(value: Any) -> bool:
    return type(value) is int and value >= 0


def _fits(row: Any, form: str) -> bool:
    """form: one letter an item. w word, n number, p pin number or None, l level 0 or 1, L level or None, a anything."""
    kinds = {
        "w": lambda v: isinstance(v, str) and v != "",
        "n": _integer,
        "p": lambda v: v is None or _integer(v),
        "l": lambda v: type(v) is int and v in (0, 1),
        "L": lambda v: v is None or (type(v) is int and v in (0, 1)),
        "a": lambda v: isinstance(v, str) or _integer(v),
    }
    return isinstance(row, tuple) and len(row) == len(form) and all(kinds[f](v) for v, f in zip(row, form, strict=True))


CAN_FORMS = {"mcp2515": "wwnnnnnppn", "machine": "wwn", "module": "wwnn", "twai": "wwwnn"}


def _shapes(board: dict[str, Any]) -> Iterator[str]:
    for name, form in (("SERIAL", "wnnnpL"), ("POWER", "nl"), ("LAN", "wa"), ("WAIVED", "nw"), ("UNSURE", "nw")):
        if not isinstance(board[name], tuple):
            yield f"{name} is not a tuple of rows"
        else:
            yield from (f"{name}: {row!r} has the wrong shape" for row in board[name] if not _fits(row, form))
    if not isinstance(board["CAN"], tuple):
        yield "CAN is not a tuple of rows"
    else:
        for row in board["CAN"]:
            if not isinstance(row, tuple) or len(row) < 2 or not _fits(row, CAN_FORMS.get(row[1], "")):
                yield f"CAN: {row!r} has the wrong shape"
    if board["CHIP"] not in CHIPS:
        yield f"CHIP {board['CHIP']!r} is none of {', '.join(CHIPS)}"
    if board["NETWORK"] not in (None, "wifi", "lan"):
        yield f"NETWORK {board['NETWORK']!r} is none of None, wifi, lan"
    if not _integer(board["WATCHDOG_MS"]):
        yield "WATCHDOG_MS is no number"


def _names(board: dict[str, Any], stem: str) -> Iterator[str]:
    if board["NAME"] != stem:
        yield f"NAME is {board['NAME']!r}, not that of the file"
    if board["FIRMWARE"] not in FIRMWARES[board["CHIP"]]:
        yield f"FIRMWARE {board['FIRMWARE']!r} is no download for {board['CHIP']}"
    lines = [row[0] for row in board["SERIAL"] + board["CAN"]]
    yield from (f"two lines are named {name}" for name in sorted(set(lines)) if lines.count(name) > 1)
    yield from (f"{row[0]}: direction pin and its level go together" for row in board["SERIAL"]
                if (row[4] is None) != (row[5] is None))  # fmt: skip
    high = PICO_WATCHDOG if board["CHIP"] == "rp2040" else 120000
    if board["CHIP"] != "unix" and not LONGEST_STEP < board["WATCHDOG_MS"] <= high:
        yield f"WATCHDOG_MS {board['WATCHDOG_MS']} is not within {LONGEST_STEP} to {high}"


def wires(about: str) -> list[tuple[str, str]]:
    """The rows "from -> to" of the part "Wiring:" of a doc string; [] where it is told in words."""
    _, _, rest = about.partition("\nWiring:\n")
    rows = [line.split("->") for line in rest.split("\n\n")[0].splitlines()]
    return [(row[0].strip(), row[1].strip()) for row in rows if len(row) == 2]


def _words(board: dict[str, Any], about: str) -> Iterator[str]:
    if "\nWiring:" not in about:
        yield 'the doc string has no "Wiring"'
    if f"Board `{board['NAME']}`:" not in about:
        yield "the doc string does not begin with the board's name"
    ends = [end for _, end in wires(about)]
    for kind, jacks in JACKS.items():
        if board[kind]:
            yield from (f"Wiring: nothing goes to {jack}" for jack in jacks if jack not in ends)
    known = [jack for jacks in JACKS.values() for jack in jacks]
    for start, end in wires(about):
        if "jack" not in end:
            continue
        letters = {"CANH": "H", "CANL": "L"}
        here = [letters.get(found, found) for found in _LETTER.findall(start)]
        if end not in known or not here or f"({here[-1 if start.startswith('CAN A') else 0]})" not in end:
            yield f"Wiring: {start} does not belong to {end}"
    if board["CAN"] and "JK's manuals say" not in about:
        yield "the dispute about the CAN jack is not told"
    if any(row[1] == "twai" for row in board["CAN"]):
        yield from (f"twai: the doc string does not say {word!r}" for word in ("no driver", "experimental", "bus.port")
                    if word not in about)  # fmt: skip


def uses(board: dict[str, Any]) -> list[Use]:
    """Every pin of the chip in use."""
    found = []
    for name, _, tx, rx, de, _ in board["SERIAL"]:
        found += [Use(tx, "out", f"{name} TX"), Use(rx, "in", f"{name} RX"), Use(de, "out", f"{name} direction")]
    for row in board["CAN"]:
        if row[1] == "mcp2515":
            places = zip(row[3:9], ("SCK", "MOSI", "MISO", "CS", "INT", "RESET"), strict=True)
            found += [Use(pin, "in" if what in ("MISO", "INT") else "out", f"{row[0]} {what}") for pin, what in places]
        elif row[1] != "machine":
            found += [Use(row[-2], "out", f"{row[0]} TX"), Use(row[-1], "in", f"{row[0]} RX")]
    found += [Use(pin, "out", "POWER") for pin, _ in board["POWER"]]
    for name, value in board["LAN"]:
        if name in LAN_PINS:
            way = "out" if ("ref_clk_mode", "OUT") in board["LAN"] else LAN_PINS[name]
            found.append(Use(value, way, f"LAN {name}"))
    return [use for use in found if use.pin is not None]


def _pins(board: dict[str, Any]) -> Iterator[str]:
    chip = CHIPS[board["CHIP"]]
    seen: dict[int, str] = {}
    waived = [pin for pin, _ in board["WAIVED"]]
    for use in uses(board):
        name = f"{use.what}: pin {use.pin}"
        if use.pin not in chip.pins:
            yield f"{name} does not exist on {board['CHIP']}"
        if use.pin in chip.never:
            yield f"{name} belongs to: {chip.never[use.pin]}"
        if use.pin in chip.waivable and use.pin not in waived:
            yield f"{name} is better left alone ({chip.waivable[use.pin]}) and not waived"
        if use.way == "out" and use.pin in chip.inputs:
            yield f"{name} is an input only"
        if use.pin in seen:
            yield f"{name} is used twice, also as {seen[use.pin]}"
        if board["NETWORK"] == "lan" and use.pin in EMAC:
            yield f"{name} belongs to the Ethernet of the ESP32"
        seen[use.pin] = use.what
    yield from (f"WAIVED: pin {pin} needs no waiver" for pin in waived if pin not in seen or pin not in chip.waivable)
    yield from (f"UNSURE: pin {pin} is not in use" for pin, _ in board["UNSURE"] if pin not in seen)


def _controllers(board: dict[str, Any]) -> Iterator[str]:
    chip = CHIPS[board["CHIP"]]
    uarts = [row[1] for row in board["SERIAL"]]
    yield from (f"UART {uart} is used twice" for uart in sorted(set(uarts)) if uarts.count(uart) > 1)
    for name, uart, tx, rx, _, _ in board["SERIAL"]:
        if uart not in chip.uarts:
            yield f"{name}: UART {uart} does not exist or is the console's"
        # ports/rp2/machine_uart.c, IS_VALID_TX, IS_VALID_RX
        elif board["CHIP"] == "rp2040" and (tx & 3, rx & 3, tx + 4 >> 3 & 1, rx + 4 >> 3 & 1) != (0, 1, uart, uart):
            yield f"{name}: {tx}, {rx} are not pins of UART {uart}"
    for row in board["CAN"]:
        if row[1] == "mcp2515":
            if row[2] not in chip.spis:
                yield f"{row[0]}: SPI {row[2]} does not exist"
            # ports/rp2/machine_spi.c, IS_VALID_SCK, _MOSI, _MISO
            elif board["CHIP"] == "rp2040" and (
                [pin & 3 for pin in row[3:6]] != [2, 3, 0] or {pin >> 3 & 1 for pin in row[3:6]} != {row[2]}
            ):
                yield f"{row[0]}: {row[3:6]} are not SCK, MOSI, MISO of SPI {row[2]}"
            if row[9] not in {crystal for crystal, _ in mcp2515.TIMING}:
                yield f"{row[0]}: no bit rates for a crystal of {row[9]} Hz"
        if row[1] == "twai" and row[2] != board["CHIP"]:
            yield f"{row[0]}: the controller of {row[2]} on {board['CHIP']}"


def _network(board: dict[str, Any]) -> Iterator[str]:
    if (board["NETWORK"] == "lan") != bool(board["LAN"]):
        yield 'LAN and NETWORK = "lan" go together'
    if board["NETWORK"] == "lan" and board["CHIP"] != "esp32":
        yield f"{board['CHIP']} has no Ethernet"
    if (board["NETWORK"] is None) != (board["CHIP"] == "unix"):
        yield "only the unix port has its network from the system"
    given = dict(board["LAN"])
    missing = [name for name in ("mdc", "mdio", "phy_type", "phy_addr") if board["LAN"] and name not in given]
    yield from (f"LAN: {name} is missing" for name in missing)
    # network_lan.c: the clock comes in at GPIO0 only; at any other pin the ESP32 gives it
    if given.get("ref_clk", 0) and given.get("ref_clk_mode") != "OUT":
        yield "LAN: the clock can only come in at GPIO0"
    if len(given) != len(board["LAN"]):
        yield "LAN: an argument is there twice"
    for name, value in given.items():
        if name in LAN_WORDS:
            good = value in LAN_WORDS[name]
        elif name == "phy_addr":
            good = type(value) is int and value < 32
        else:
            good = name in LAN_PINS and type(value) is int
        if not good:
            yield f"LAN: {name} = {value!r} is not an argument of network.LAN"


def _sources(tree: ast.Module, text: str) -> Iterator[str]:
    """Every line with a pin ends in a comment that says from where it is known."""
    comments = {
        token.start[0]: token.string.strip("# ")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    for node in tree.body[1:]:
        name = node.targets[0].id  # type: ignore[attr-defined]
        if name not in ("SERIAL", "CAN", "POWER", "LAN"):
            continue
        for row in node.value.elts:  # type: ignore[attr-defined]
            if name == "LAN" and row.elts[0].value not in LAN_PINS:
                continue
            lines = {item.lineno for item in row.elts if type(item.value) is int}
            yield from (f"line {line}: its pins have no source"
                        for line in lines if not _SOURCE.search(comments.get(line, "")))  # fmt: skip
