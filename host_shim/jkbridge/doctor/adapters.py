"""The serial ports of this machine, and which of them may be an RS485 adapter."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jkbridge import port_errors

_BY_ID = Path("/dev/serial/by-id")
# Sticks for other radios are serial ports too: asking them for batteries would only disturb them.
_OTHERS = re.compile(
    r"zig\s*bee|z-?wave|thread|conbee|raspbee|sonoff|skyconnect|nabu.?casa|itead|zooz|aeotec|bluetooth|modem|gps|u-?blox|"
    r"debug|arduino|enocean|rflink|rfxtrx|p1|smart.?meter",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Adapter:
    """One port. name: what to write into bus.port, the by-id path where there is one, as it survives replugging."""

    name: str
    device: str
    about: str
    likely: bool
    holder: str
    """Who has it open, as far as we may see; "" for nobody."""

    def line(self) -> str:
        """For people."""
        known = f"{self.device}, {self.about}" if self.name != self.device else self.about
        busy = f", in use by {self.holder}" if self.holder else ""
        return f"{self.name} ({known}{'' if self.likely else ', hardly an RS485 adapter'}{busy})"

    def facts(self) -> dict[str, Any]:
        """For machines."""
        return {"port": self.name, "device": self.device, "about": self.about, "likely": self.likely,
                "busy": self.holder or None}  # fmt: skip


def adapters() -> list[Adapter]:
    """All ports, likely ones first. USB converters of any kind (FTDI, CH340, CP210x, CDC-ACM) are likely."""
    from serial.tools import list_ports

    names = _by_id()
    out = []
    for port in list_ports.comports():
        # The kernel lists legacy ports that no hardware stands behind.
        if port.hwid == "n/a" and str(port.device).startswith("/dev/ttyS"):
            continue
        device = str(port.device)
        name = names.get(os.path.realpath(device), device)
        parts = (port.manufacturer, port.product or port.description)
        about = " ".join(str(part) for part in parts if part not in (None, "", "n/a")) or "serial port"
        likely = port.vid is not None and not _OTHERS.search(f"{about} {name}")
        out.append(Adapter(name, device, about, likely, port_errors.holders(device)))
    return sorted(out, key=lambda adapter: (not adapter.likely, adapter.device))


def _by_id() -> dict[str, str]:
    try:
        return {os.path.realpath(link): str(link) for link in sorted(_BY_ID.iterdir())}
    except OSError:
        return {}
