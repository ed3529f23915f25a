"""The device's CAN receivers on 32-bit MicroPython, and their guarantee: nothing in them can send.

tests/shared/test_device_can_*.py run on CPython and on the 64-bit unix port by themselves (test_micropython.py); with
31-bit small integers an id or an address of 2**30 takes heap, so they must run there, too.
"""

from __future__ import annotations

import ast
import re

import mp
import mpyfile
import pytest

SOURCES = sorted((mp.FIRMWARE / "jkdevice" / "can").glob("*.py"))
FILES = sorted(mp.SHARED.glob("test_device_can_*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_on_32_bits(file):
    done = mp.run_wasm(mp.RUNNER, [file.stem])
    print(done.stdout)
    assert done.returncode == 0, done.stdout


# What runs with a frame, or every turn
STEADY = {
    "receive", "poll", "_decode", "_rung", "_drain", "_fetch", "_store", "_glance", "_quiet", "_take_back", "_transfer",
    "_skip", "_copy", "_notice",
}  # fmt: skip


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: f.stem)
def test_the_way_of_a_frame_keeps_its_state_off_the_heap(file, tmp_path):
    """A locked heap does not show it: a big function then falls back to the C stack."""
    mp.mpy_cross(file, tmp_path / "x.mpy")
    functions = mpyfile.functions((tmp_path / "x.mpy").read_bytes())
    assert [f.name for f in functions if f.on_heap and f.name in STEADY] == []
    if file.stem in ("mcp2515", "twai", "user_can", "machine_can"):
        assert "receive" in {f.name for f in functions}


def named(tree: ast.AST) -> set[str]:
    """Every name, attribute, argument and definition of a source."""
    found = set()
    for node in ast.walk(tree):
        for attribute in ("id", "attr", "name", "arg"):
            value = getattr(node, attribute, None)
            if isinstance(value, str):
                found.add(value)
    return found


SENDING = re.compile(r"send|transmit|write_frame|(^|_)tx(b?[0-9]|req|rts|buf)|(^|_)(rts|load|tr)($|_)", re.I)
# A transmit buffer of the MCP2515 begins at these registers; these instructions load one or request its sending.
MCP2515_SENDING = {0x30, 0x40, 0x50, 0x31, 0x41, 0x51, 0x36, 0x46, 0x56, 0x42, 0x44, 0x80, 0x81, 0x82, 0x84, 0x87}


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: f.stem)
def test_no_name_in_the_receivers_has_to_do_with_sending(file):
    names = named(ast.parse(file.read_text()))
    assert sorted(n for n in names if SENDING.search(n)) == []


@pytest.mark.parametrize("source", ["can.send(1)", "_LOAD_TX0 = 0x40", "TXB0CTRL", "_RTS", "def transmit(): 0", "_TR"])
def test_a_name_that_has_to_do_with_sending_is_seen(source):
    assert any(SENDING.search(n) for n in named(ast.parse(source)))


def test_the_mcp2515_driver_knows_no_instruction_or_register_of_transmission():
    """Every constant it can put on the SPI; 0x40 and 0x80 are also bits of other registers."""
    tree = ast.parse((mp.FIRMWARE / "jkdevice" / "can" / "mcp2515.py").read_text())
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            constants[node.targets[0].id] = node.value.args[0].value
    bits = {"_MERRF", "_RTR", "_CONFIG"}
    assert {n for n, v in constants.items() if v in MCP2515_SENDING and n not in bits} == set()
    instructions = {"_RESET", "_READ", "_WRITE", "_BIT_MODIFY", "_READ_RX0", "_READ_RX1"}
    instructions = {"_RESET", "_READ", "_WRITE", "_BIT_MODIFY", "_READ_RX0", "_READ_RX1"}
    assert {n for n, v in constants.items() if n in instructions} == instructions
    assert {v for n, v in constants.items() if n in instructions} == {0xC0, 0x03, 0x02, 0x05, 0x90, 0x94}


def test_the_twai_driver_writes_only_two_commands():
    """CMR takes RRB and CDO; the frame registers are written in reset mode only, where they are the filter."""
    tree = ast.parse((mp.FIRMWARE / "jkdevice" / "can" / "twai.py").read_text())
    written = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target = ast.unparse(node.targets[0])
            written.append((target, ast.unparse(node.value)))
    assert {value for target, value in written if "_CMR" in target} == {"_RRB", "_CDO"}
    assert [target for target, _ in written if "_FRAME" in target] == []
