"""How the packs are reached: through a running bridge where there is one, else over the bus. Never both at once."""

from __future__ import annotations

from typing import Any, Protocol

from jkbridge.change.bus_way import BusWay
from jkbridge.change.errors import UNUSABLE, ChangeError
from jkbridge.change.facts import Facts
from jkbridge.change.line import Log
from jkbridge.change.mqtt_way import BrokerError, MqttWay
from jkbridge.change.order import Order
from jkbridge.change.screen import Screen
from jkbridge.settings import Settings

_EMBEDDED = ("127.0.0.1", 1883)
"""Where `jkbridge run` has its broker when none is configured."""


class Way(Protocol):
    """What the commands need of either."""

    name: str
    level: int
    """How much may be changed; ALL where the bridge decides."""

    def packs(self) -> list[str]: ...

    def check_writable(self) -> str: ...

    def facts(self, pack: str) -> Facts: ...

    def order(self, order: Order, steps: int) -> dict[str, Any]: ...

    def unlock(self, text: str) -> dict[str, Any]: ...

    def close(self) -> None: ...


def find(settings: Settings, writes: str | None, wanted: list[str] | None, log: Log, screen: Screen) -> Way:
    """The way to the packs. writes: of the command line, for the bus; wanted: ids of the packs, None for all.

    ChangeError when there is none.
    """
    config = settings.config
    mqtt = dict(config["mqtt"])
    port = config["bus"][0]["port"]
    why = ""
    guessed = not mqtt["host"]
    if guessed:
        mqtt["host"], mqtt["port"] = _EMBEDDED
    chemistries = {entry["id"]: entry["chemistry"] for entry in config["pack"] if entry["chemistry"]}
    try:
        way = MqttWay(mqtt, config["base"], chemistries)
    except BrokerError as e:
        why = "" if guessed else str(e)
    else:
        # A broker that nobody named may belong to a bridge with other packs, and a port named just now may be another
        # bus than the bridge's: its pack 1 is not the one that is meant.
        named = not guessed and settings.sources.get("bus.port") != "given on the command line"
        if not guessed and not way.online():
            screen.note(f"Looking for a bridge at the MQTT broker {way.place} ...", "dim")
            way.wait_online()
        if way.online() and (named or not port or port in way.ports()):
            if writes is not None:
                screen.note("--writes counts only directly on the bus; here the bridge decides (jkbridge unlock).")
            return way
        way.close()
        if way.online() and not guessed:
            why = f"The bridge at the MQTT broker {way.place} uses another port than {port}."
        elif not guessed:
            why = f"No bridge is online at the MQTT broker {way.place} (base {config['base']})."
    if not port:
        raise ChangeError(
            (why or "No running bridge was found, and no MQTT broker is configured.")
            + " To reach the packs, name the broker of a running bridge (--broker 192.168.1.10), or the bus "
            "(--port /dev/ttyUSB0).",
            UNUSABLE,
        )
    if why:
        screen.note(f"{why} Going directly to {port}.")
    return BusWay(config, writes or config["writes"], wanted, log)
