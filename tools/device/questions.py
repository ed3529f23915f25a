"""The few questions of `make config`: from one configuration to the next, every answer of before being a default."""

from __future__ import annotations

import copy
import getpass
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from device import say

Ask = Callable[[str], str]
Raw = dict[str, Any]


def _utf8(ask: Ask, prompt: str) -> str:
    """An answer that can be written to a file. A terminal that is not set to UTF-8 sends others for an umlaut."""
    while True:
        answer = ask(prompt)
        try:
            answer.encode()
            return answer
        except UnicodeEncodeError:
            say("  Your terminal does not send this as UTF-8: set it to UTF-8, or use CONFIG=config.json.")


class Interview:
    """ask(prompt) and secret(prompt) read a line; the second without showing it."""

    def __init__(self, board: SimpleNamespace, ask: Ask = input, secret: Ask = getpass.getpass) -> None:
        self._board, self._ask, self._secret = board, ask, secret

    def go_through(self, given: Raw) -> Raw:
        """A new configuration, unchecked; what is not asked stays as it was."""
        raw = copy.deepcopy(given)
        if self._board.NETWORK == "wifi":
            wifi = raw.setdefault("wifi", {})
            self._text(wifi, "ssid", "Name of the WiFi (2.4 GHz)")
            self._hidden(wifi, "password", "Password of the WiFi")
        mqtt = raw.setdefault("mqtt", {})
        self._broker(mqtt)
        self._text(mqtt, "user", "MQTT user (- for none)")
        if mqtt.get("user"):
            self._hidden(mqtt, "password", "Password of the MQTT user")
        else:
            mqtt.pop("password", None)
        self._text(mqtt, "ca", "TLS: CA certificate, a file on this PC (- for no TLS)")
        if mqtt.get("ca"):
            mqtt["tls"] = True
        else:
            for key in ("tls", "cert", "key"):
                mqtt.pop(key, None)
        buses = raw.get("bus", {})
        if isinstance(buses, list) and len(buses) > 1:
            say(f"  (the {len(buses)} buses stay as they are; edit a file and send it with CONFIG=config.json)")
        else:
            bus = (buses or [{}])[0] if isinstance(buses, list) else buses
            self._bus(bus)
            raw["bus"] = bus
        return raw

    def _broker(self, mqtt: Raw) -> None:
        """The port behind the host, as it is written everywhere else."""
        known = mqtt.get("host", "")
        if known and mqtt.get("port"):
            known = f"{known}:{mqtt['port']}"
        both = {"host": known}
        self._text(both, "host", "MQTT broker: name or IP address, with :port if it is an unusual one")
        answer = both.get("host", "")
        if answer == known:
            return
        mqtt["host"], colon, port = answer.partition(":")
        if colon and port.isdigit():
            mqtt["port"] = int(port)
        else:
            mqtt["host"] = answer  # an address of IPv6, or something that is refused
            mqtt.pop("port", None)

    def _bus(self, bus: Raw) -> None:
        lines = {row[0]: "serial" for row in self._board.SERIAL} | {row[0]: "can" for row in self._board.CAN}
        if len(lines) == 1 and not bus.get("port"):
            bus["port"] = next(iter(lines))
        else:
            words = ", ".join([*lines, "tcp://address:port"])
            bus.setdefault("port", next(iter(lines), ""))
            self._text(bus, "port", f"Bus the batteries are on ({words})")
        kind = lines.get(bus.get("port", ""), "serial")
        if kind != bus.get("kind", "serial"):
            for key in ("bitrate", "listen_only", "sign", "baud", "ask_about", "role"):
                bus.pop(key, None)  # what the other kind does not know
        bus["kind"] = kind
        if kind == "can":
            bus.setdefault("bitrate", 500000)
            self._text(bus, "bitrate", "CAN bit rate (250000 with protocol 000 of the app, 500000 with 006)")
            if str(bus["bitrate"]).isdigit():
                bus["bitrate"] = int(bus["bitrate"])
            return
        shown = bus.get("packs", "")
        bus["packs"] = ",".join(map(str, shown)) if isinstance(shown, list) else shown
        self._text(bus, "packs", "DIP addresses of the packs, such as 1-4 (- to look for them)")
        if not bus.get("packs"):
            bus.pop("packs", None)

    def _text(self, table: Raw, key: str, prompt: str) -> None:
        """Enter keeps what is there, - removes it."""
        known = table.get(key, "")
        answer = _utf8(self._ask, f"{prompt} [{known}]: " if known != "" else f"{prompt}: ").strip()
        if answer == "-":
            table.pop(key, None)
        elif answer:
            table[key] = answer
        elif known == "":
            table.pop(key, None)

    def _hidden(self, table: Raw, key: str, prompt: str) -> None:
        known = table.get(key, "")
        known_too = "; Enter keeps the present one, - removes it" if known else ""
        answer = _utf8(self._secret, f"{prompt} (not shown{known_too}): ")
        if answer == "-":
            table.pop(key, None)
        elif answer or not known:
            table[key] = answer

    def agrees(self, question: str) -> bool:
        return self._ask(f"{question} [Y/n]: ").strip().lower() in ("", "y", "yes")
