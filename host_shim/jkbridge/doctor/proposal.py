"""The configuration that fits what was found, as TOML, and the file it is written to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jkbridge.doctor.examination import USUAL_BAUD, Result
from jkcore import config as core_config

EXIT_FILE = 2


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


def toml(bus: dict[str, Any], verdict: str) -> str:
    """A configuration file of one bus."""
    return _file([bus], [], verdict)


def whole(buses: Sequence[dict[str, Any]], packs: Sequence[dict[str, Any]], verdict: str) -> str:
    """A configuration file of several buses, and of [[pack]] rows for batteries that are on two of them."""
    core_config.load({"bus": [dict(bus) for bus in buses], "pack": [dict(pack) for pack in packs]}, "host")
    return _file(buses, packs, verdict)


def rows(packs: Sequence[dict[str, Any]]) -> str:
    """[[pack]] rows as they stand in a configuration file."""
    return "\n".join(line for pack in packs for line in ["[[pack]]", *_keys(pack), ""])


def _file(buses: Sequence[dict[str, Any]], packs: Sequence[dict[str, Any]], verdict: str) -> str:
    lines = [f"# Proposed by `jkbridge doctor`: {verdict}.", ""]
    for bus in buses:
        lines += ["[bus]" if len(buses) == 1 else "[[bus]]", *_keys(bus), ""]
    if packs:
        lines.append(rows(packs))
    lines += ["[mqtt]", '# host = "192.168.1.10"    # your broker; without one `jkbridge run` uses its own']
    return "\n".join(lines) + "\n"


def _keys(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]


def write(path: Path, text: str, force: bool) -> None:
    """Write the file; FileExistsError when it exists and `force` is False, OSError when it cannot be written."""
    mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    with os.fdopen(os.open(path, mode, 0o644), "w", encoding="utf-8") as file:
        file.write(text)


def exists(name: Path | str) -> str:
    """The sentence for a file that is there already."""
    return f"{name} exists already and is left as it is: choose another name, or add --force."


def save(path: Path, text: str | None, force: bool, say: Callable[[str], None]) -> int:
    """Write what --write asks for and say so; text: None where nothing was found. 0, or the exit code of a failure."""
    if text is None:
        say(f"Nothing was written to {path}: no pack was found to write a configuration for.")
        return 0
    try:
        write(path, text, force)
    except FileExistsError:
        say(exists(path))
        return EXIT_FILE
    except OSError as e:
        say(f"{path} cannot be written: {e.strerror}.")
        return EXIT_FILE
    say(f"Written to {path}. Use it: jkbridge run --config {path}")
    return 0
