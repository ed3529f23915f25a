"""A bridge that takes commands, with packs that accept writes, for tests on CPython: see core_house.House."""

from __future__ import annotations

import json
from typing import Any

from core_house import House

from jkbridge.simulator import make_line

LATENCY = (5, 20)


class Orders(House):
    """addresses: packs on the line; master: firmware of a bus master beside them; writes, chemistry: of the
    configuration. Ready to take commands when made."""

    def __init__(
        self,
        addresses: Any = (1, 2),
        *,
        master: str | None = None,
        writes: str = "all",
        chemistry: str | None = "lfp",
        firmware: str = "15.30",
        settle: float = 20,
        order: str = "enforced",
        **more: Any,
    ) -> None:
        addresses = list(addresses)
        line = make_line(
            addresses, master=master, paced=True, latency_ms=LATENCY, firmware=firmware, stories=((),), order=order
        )
        packs = [{"address": a, "name": f"Pack {a}", "chemistry": chemistry or None} for a in addresses]
        super().__init__(addresses, line=line, writes=writes, pack=packs, **more)
        self.run(settle)

    def order(self, topic: str, payload: Any, seconds: float = 30, retained: bool = False) -> list[dict]:
        """Publish a command below the base; the results that come within `seconds`."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        pack = topic.split("/")[0]
        before = len(self.of(f"jkbms/{pack}/result"))
        self.receive(f"jkbms/{topic}", text, retained)
        self.run(seconds, until=lambda: len(self.of(f"jkbms/{pack}/result")) > before)
        return self.payloads(f"jkbms/{pack}/result")[before:]

    def written(self, address: int = 1) -> list[Any]:
        """What the pack was told: the simulator's log of writes."""
        return list(self.line.slaves[address].writes.log)

    def settings(self, address: int = 1) -> dict:
        """The settings last published of a pack."""
        return self.payloads(f"jkbms/{address}/settings")[-1]
