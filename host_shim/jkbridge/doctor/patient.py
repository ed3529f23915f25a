"""A bus of the core without a bridge around it: the doctor listens and asks with the same code as the bridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jkbridge.chart import Chart
from jkcore import config as core_config
from jkcore import pack as pk
from jkcore.fields import table
from jkcore.modbus import ABOUT, LIVE
from jkcore.rs485 import Rs485Bus

_VOLTAGE = table.find("pack_voltage", LIVE)
_SOC = table.find("soc", LIVE)
_MODEL = table.at(table.find("model", ABOUT))
_MODEL_AT = (_MODEL.offset, _MODEL.offset + _MODEL.decimals)
_SEED = 1  # one bus at a time: chance keeps several bridges apart
_LOST = (pk.DAMAGED, pk.NO_ACK, pk.IMPLAUSIBLE, pk.TIMEOUTS)

Log = Callable[[int, str], None]


def listening_bus(port: str, baud: int, log: Log) -> Rs485Bus:
    """A bus that never sends; frames are booked by the ack behind them."""
    return Rs485Bus(_config(port, baud, "listen"), [], 0, log, Chart(), _SEED)


def asking_bus(port: str, baud: int, log: Log) -> Rs485Bus:
    """A bus that asks addresses 1 to 15, as fast as packs like it, and stands down when somebody else is heard."""
    config = _config(port, baud, "poll")
    chart = Chart()
    return Rs485Bus(config, [chart.pack(address) for address in config["packs"]], 0, log, chart, _SEED)


def _config(port: str, baud: int, role: str) -> dict[str, Any]:
    bus: dict[str, Any] = core_config.load({"bus": {"port": port, "baud": baud, "role": role}}, "host")["bus"][0]
    return bus


def pack_facts(bus: Rs485Bus) -> list[dict[str, Any]]:
    """What is known of each pack that gave a frame, or pieces of one. Nothing private: no name, no serial number."""
    evidence = bus.evidence
    out = []
    for pack in sorted(bus.packs, key=lambda p: int(p.address)):
        counts = pack.counts
        asked = int(counts[pk.REQUESTS]) or int(evidence.asked[pack.address])
        frames = int(counts[pk.ANSWERS])
        lost = sum(counts[i] for i in _LOST) if counts[pk.REQUESTS] else int(evidence.lost[pack.address])
        if not frames and not lost - counts[pk.TIMEOUTS]:
            continue
        live = bool(pack.holds(LIVE))
        voltage = pack.scaled(_VOLTAGE) if live else None
        out.append(
            {
                "address": int(pack.address),
                "cells": int(pack.cells()) if live else None,
                "voltage": None if voltage is None else voltage / 1000,
                "soc": pack.scaled(_SOC) if live else None,
                "model": _text(pack.frame(ABOUT)[slice(*_MODEL_AT)]) if pack.holds(ABOUT) else None,
                "firmware": f"{pack.firmware // 100}.{pack.firmware % 100:02d}" if pack.firmware else None,
                "asked": asked,
                "frames": frames,
                "lost": int(lost),
                "error_rate": round(lost / asked, 3) if asked else None,
            }
        )
    return out


def _text(raw: bytes | bytearray) -> str:
    return bytes(raw).split(b"\0")[0].decode("ascii", "replace").strip()
