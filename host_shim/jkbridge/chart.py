"""What a bus of the core tells when there is no bridge around it: for the doctor, and for commands at a bus."""

from __future__ import annotations

from typing import Any

from jkcore.pack import Pack
from jkcore.rs485 import Rs485Bus


class Chart:
    """Stands where the bridge has its publisher: packs appear as they are heard, nothing is published.

    prefix: of the ids of packs.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def pack(self, address: int) -> Pack:
        """A new pack of this bus."""
        return Pack(f"{self._prefix}{address}".encode(), address, "")

    def new_pack(self, bus: Rs485Bus, address: int) -> Pack:
        pack = self.pack(address)
        bus.add(pack)
        return pack

    def live(self, pack: Pack, now: int) -> None:
        pack.online = True

    def rare(self, pack: Pack, frame_type: int) -> None:
        pass

    def settings_changed(self, pack: Pack, frame: Any) -> None:
        pass

    def went_offline(self, pack: Pack) -> None:
        pass
