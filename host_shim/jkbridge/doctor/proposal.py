"""The configuration that fits what was found, as TOML, and the file it is written to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jkbridge.doctor.examination import USUAL_BAUD, Result
from jkcore import config as core_config
from jkcore import verdicts


def propose(port: str, result: Result) -> dict[str, Any] | None:
    """The keys of [bus] that fit; None where the doctor found nothing that could be read."""
    addresses = [pack["address"] for pack in result.packs if pack["frames"]]
    if not addresses:
        return None
    bus: dict[str, Any] = {"port": port}
    if result.baud != USUAL_BAUD:
        bus["baud"] = result.baud
    bus["role"] = "listen" if result.listens else "auto"
    if not result.listens:  # who listens takes packs as they come, the master at address 0 too
        bus["packs"] = sorted({*addresses, *result.expected})  # one that is missing is missed, not forgotten
    core_config.load({"bus": dict(bus)}, "host")
    return bus


def toml(bus: dict[str, Any], findings: list[list[Any]]) -> str:
    """A configuration file of it."""
    lines = ["# Proposed by `jkbridge doctor`: " + verdicts.text(findings[0]) + ".", "", "[bus]"]
    lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in bus.items()]
    lines += ["", "[mqtt]", '# host = "192.168.1.10"    # your broker; without one `jkbridge run` uses its own']
    return "\n".join(lines) + "\n"


def write(path: Path, text: str, force: bool) -> None:
    """Write the file; FileExistsError when it exists and `force` is False, OSError when it cannot be written."""
    mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    with os.fdopen(os.open(path, mode, 0o644), "w", encoding="utf-8") as file:
        file.write(text)
