"""What Linux says of a SocketCAN interface: there, up, its bit rate, mode and state. Reads only."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

SYSTEM = Path("/sys/class/net")
_UP = 0x1
_ARPHRD_CAN = "280"
_IP_TIMEOUT = 3.0


class Link(NamedTuple):
    """bitrate: bit/s, 0 when it has none (vcan) or it is not known; state: as `ip` names it, such as BUS-OFF."""

    bitrate: int = 0
    listen_only: bool = False
    state: str = ""
    restart_ms: int = 0


def interfaces() -> list[str]:
    """Names of this machine's CAN interfaces."""
    try:
        found = sorted(entry.name for entry in SYSTEM.iterdir() if is_can(entry.name))
    except OSError:
        return []
    return found


def is_can(channel: str) -> bool:
    """Whether there is an interface of this name, and it is CAN."""
    return _read(channel, "type") == _ARPHRD_CAN


def exists(channel: str) -> bool:
    """Whether there is an interface of this name."""
    return bool(channel) and "/" not in channel and (SYSTEM / channel).exists()


def is_up(channel: str) -> bool:
    """Whether it is switched on. True where that cannot be seen."""
    try:
        return bool(int(_read(channel, "flags") or "1", 16) & _UP)
    except ValueError:
        return True


def details(channel: str) -> Link | None:
    """What `ip -details` tells; None when there is no such command or it does not know."""
    try:
        done = subprocess.run(
            ["ip", "-json", "-details", "link", "show", "dev", channel],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_IP_TIMEOUT, check=True,
        )
        return link_of(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def link_of(answer: Any) -> Link | None:
    """The Link from what `ip -json -details link show` printed; None when it is something else."""
    try:
        data = answer[0].get("linkinfo", {}).get("info_data", {})
        return Link(
            bitrate=int(data.get("bittiming", {}).get("bitrate", 0)),
            listen_only="LISTEN-ONLY" in data.get("ctrlmode", []),
            state=str(data.get("state", "")),
            restart_ms=int(data.get("restart_ms", 0)),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def _read(channel: str, name: str) -> str:
    if not exists(channel):
        return ""
    try:
        return (SYSTEM / channel / name).read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""
