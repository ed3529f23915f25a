"""What tools/shorten.py must leave alone: names the world outside firmware/ knows, and code that asks for names in ways
nobody can follow."""

from __future__ import annotations

import array
import ast
import binascii
import builtins
import errno
import gc
import io
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable

# Of these an object of firmware/ may hold some: what they have keeps its name.
_BUILT_IN_OBJECTS = (
    str, bytes, bytearray, memoryview, list, tuple, dict, set, int, float, range, type, object, OSError, ImportError,
    array.array, socket.socket, type(select.poll()), io.StringIO, io.TextIOWrapper, io.FileIO,
    array, binascii, errno, gc, io, json, os, random, select, socket, struct, sys, time,
)  # fmt: skip
# Attributes and keywords of MicroPython's own modules (machine, network, esp32, time, gc, os), of umqtt.simple, and of
# CAN modules from elsewhere (jkdevice/can). One too many costs a few bytes; one that is missing breaks the device.
_DEVICE_NAMES = set(
    """
    ADC CAN DETACHED I2C IN IPPROTO_TCP IRQ_FALLING IRQ_RISING LAN LISTEN_ONLY LOOPBACK NORMAL OPEN_DRAIN OUT PULL_DOWN
    PULL_UP Pin SPI STA_IF SILENT SoftSPI TCP_NODELAY Timer UART WDT WLAN active addr any authmode auto_retransmit bank
    baudrate bits bitrate bus bus_off callback cb channel check_msg cidr clean_session clear_filter clear_rx_queue
    clear_tx_queue client_id config connect cs data deinit dhcp_hostname diff disconnect disable_irq dlc enable_irq
    extended extframe feed filter firstbit flush freq get_counters get_state handler hard hostname id idle idle_state
    ifconfig info init int invert ioctl ipconfig irq isconnected keepalive listen listen_only lw_msg lw_qos lw_retain
    lw_topic mac mem_alloc mem_free miso mode mosi off on osc parity password pad period phase phy_addr phy_type pid
    ping polarity port power print_exception pswd publish qos read ready ref_clk ref_clk_mode recv ref reset reset_cause
    restart retain rssi rts rtr rx rx_queue rxbuf scan sck scl sda send server set_callback set_filter set_filters
    set_last_will set_rate set_state sleep sleep_ms sleep_us sock socket ssid ssl ssl_params state stats status stop
    subscribe tail ticks_add ticks_diff ticks_ms ticks_us timeout timeout_char timing toggle trigger tx tx_queue txbuf
    tseg1 tseg2 CERT_REQUIRED ETH_GOT_IP HARD_RESET
    PROTOCOL_TLS_CLIENT PWRON_RESET SOFT_RESET SSLContext WDT_RESET do_handshake_on_connect load_cert_chain
    load_verify_locations server_hostname settime verify_mode wrap_socket sjw brp unique_id unsubscribe urandom user
    value wait_msg wifi write write_readinto readinto
    """.split()  # noqa: SIM905
)
# Names every interpreter has built in and every .mpy of version 6 knows by number (MicroPython: py/makeqstrdata.py,
# static_qstr_list): as new names they cost nothing.
BUILT_IN = tuple(
    """
    append args bytecode clear close copy count endswith extend find format from_bytes get index insert isalpha isdigit
    islower isspace isupper items join key keys little lower lstrip main pop popitem read readinto readline remove
    replace reverse rfind rindex rsplit rstrip send sep set setdefault sort split start startswith step stop strip throw
    to_bytes update upper value values write abs all any bool bytearray bytes callable chr classmethod dict dir divmod
    eval exec getattr globals hasattr hash id int isinstance issubclass iter len list locals map next object open ord
    pow print range repr round setattr sorted staticmethod str sum tuple zip ArithmeticError AssertionError
    AttributeError BaseException EOFError Ellipsis Exception GeneratorExit ImportError IndentationError IndexError
    KeyError KeyboardInterrupt LookupError MemoryError NameError NoneType NotImplementedError OSError OverflowError
    RuntimeError StopIteration SyntaxError SystemExit TypeError ValueError ZeroDivisionError
    """.split()  # noqa: SIM905
)
_FORBIDDEN = {"exec", "eval", "globals", "locals", "vars", "dir", "nonlocal", "__dict__"}
_BY_TEXT = {"getattr", "hasattr", "setattr", "delattr"}


class CompactError(ValueError):
    """The source does something this step cannot follow."""


def known_outside(trees: Iterable[ast.Module]) -> set[str]:
    """Names the world outside firmware/ knows: attributes of built-in objects and modules, of the device's modules,
    and every text of firmware/ (a name may be made from it)."""
    names = set(_DEVICE_NAMES)
    for kind in (*_BUILT_IN_OBJECTS, *(v for v in vars(builtins).values() if isinstance(v, type))):
        names.update(dir(kind))
    for tree in trees:
        names.update(n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return names


def forgotten(trees: Iterable[ast.Module]) -> set[str]:
    """Modules that some code takes out of sys.modules: by shim.forget, or "package." + one of a list of names."""
    found: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Call, ast.For, ast.Delete)):
                continue
            words = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            text = ast.unparse(node)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "forget" or "forget(" in text:
                found.update(f"jkcore.{word}" for word in words)
            elif not isinstance(node, ast.Call) and "sys.modules" in text:
                prefix = next((word for word in words if word.endswith(".")), "")
                found.update(prefix + word for word in words)
    return found


def refuse(name: str, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        word = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if word in _FORBIDDEN:
            raise CompactError(f"{name}: uses {word}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_TEXT:
            owner = getattr(node.args[0], "meaning", None)
            text = isinstance(node.args[1], ast.Constant)
            if not text and owner is None and not ast.unparse(node.args[0]).startswith("sys.modules["):
                raise CompactError(f"{name}: {ast.unparse(node)} names an attribute nobody can see")
