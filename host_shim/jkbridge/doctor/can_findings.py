"""What is wrong with a CAN bus, or that nothing is: findings out of what was heard on it, the gravest first.

The bus itself is judged by its port (can_health.py): errors, nobody who acknowledges, silence. Here it is judged what
the frames are, and whose. Identifiers: protocol/can.md 2 to 5 and 4.14; the inverter profile is Pylontech's, which
most inverters share.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from jkbridge.can_decode import identifier
from jkbridge.can_errors import speed
from jkbridge.can_frame import CanFrame
from jkbridge.doctor.report import Told
from jkcore import pack as pk
from jkcore.canhearing import IMPLAUSIBLE, REMOTE, SHORT
from jkcore.fields import table
from jkcore.modbus import LIVE

_PROFILE = range(0x351, 0x380)
_FROM_INVERTER = (0x305, 0x306, 0x307)
_TRUSTED = 11
_WRAPPED = ("18F12800", "18F12801", "18F12802", "18F12803")
"""BATT_ST2 of addresses 12 to 15, where only the last byte counts on; whether any firmware does so is not known."""
_SHOWN = 6
_FEW_ERRORS = 100
"""Good frames to one error frame before errors are worth a word."""
_VOLTAGE = table.find("pack_voltage", LIVE)
_SOC = table.find("soc", LIVE)

_SWAPPED = (
    "H and L swapped look like this too: makers and users disagree which of pins 4 and 5 of the battery's CAN jack is "
    "which. Swap them once; it harms nothing."
)
_OPTION = "In the app: settings, CAN protocol 000 (JK, 250 kbit/s) or 006 (JK, 500 kbit/s)."
_PORT_STATES = {
    "bus-off": ("bus_off", "the adapter took itself off the bus after too many errors"),
    "errors": ("wrong_bitrate", "only errors are heard, not one frame"),
    "unacknowledged": ("no_acks", "a battery sends, but nobody acknowledges its frames"),
    "silent": ("silence", "nothing at all is heard"),
}


@dataclass
class Heard:
    """What a CAN bus was like for a while. bus: the core's CanBus that took the frames."""

    bus: Any
    state: str = "unknown"
    """As CanHealth names it; "unknown": too short to tell."""
    trouble: str = ""
    """What the port says of it, a sentence or more."""
    bitrate: int = 0
    elsewhere: int = 0
    """Bit rate at which frames come, where none come at the one configured."""
    listening: bool = False
    takes_part: bool = False
    """It could not be told to listen only, although the bit rate is ours to set."""
    errors: int = 0
    seconds: float = 0.0
    strangers: Counter[str] = field(default_factory=Counter)
    """Frames with identifiers that are none of JK's, by identifier."""
    standard: set[int] = field(default_factory=set)
    """Those of 11 bits as numbers."""

    def stranger(self, frame: CanFrame) -> None:
        """A frame that is none of JK's."""
        self.strangers[identifier(frame)] += 1
        if not frame.extended:
            self.standard.add(frame.id)


def judge(heard: Heard, expected: list[int]) -> list[Told]:
    """The findings; never empty. expected: addresses that are configured."""
    bus = heard.bus
    # A pack nobody believed yet counts all the same: its cells may be missing, or it is one of two.
    found = _packs(heard, expected) if bus.packs else _no_pack(heard)
    if bus.orders:
        told = "frame 18F0F428 was" if bus.orders == 1 else "frames 18F0F428 were"
        found.append(Told(
            "controlled", f"another device controls this battery: {bus.orders} {told} heard",
            "It can switch charging and discharging. Nobody should send it but a display of yours.", True,
        ))  # fmt: skip
    if heard.takes_part:
        found.append(Told("takes_part", "this kind of adapter cannot only listen: it acknowledges what it hears",
                          "A wrong bit rate disturbs the bus. It never sends a frame.", True))
    return sorted(found, key=lambda told: told.healthy)


def _no_pack(heard: Heard) -> list[Told]:
    """No battery of JK's was heard."""
    found = []
    if heard.elsewhere:
        found.append(_other_bitrate(heard))
    elif heard.state in ("bus-off", "errors", "unacknowledged"):
        word, text = _PORT_STATES[heard.state]
        found.append(Told(word, text + _at(heard), heard.trouble, False))
        if heard.state == "errors":
            found.append(Told("maybe_swapped", "perhaps H and L are swapped", _SWAPPED, True))
    elif heard.strangers:
        found.append(_strangers_only(heard))
    elif heard.bus.rejects[SHORT] or heard.bus.rejects[REMOTE] or heard.bus.frames:
        found.append(Told(
            "no_battery", "JK's identifiers are heard, but no whole 0x2F4, which says that a battery is there",
            "Another product with these identifiers, or a program that asks on this bus.", False,
        ))  # fmt: skip
    else:
        found.append(Told("silence", "nothing at all is heard" + _at(heard), heard.trouble or _OPTION, False))
        found.append(Told("maybe_swapped", "perhaps H and L are swapped", _SWAPPED, True))
        if heard.listening:
            found.append(Told(
                "alone", "this adapter only listens, so it acknowledges nothing",
                "With one battery and no inverter on the bus somebody has to: listen_only = false (SocketCAN: without "
                "listen-only on). It still never sends a frame.", True,
            ))  # fmt: skip
    return found


def _strangers_only(heard: Heard) -> Told:
    names = _most(heard)
    if any(number in _PROFILE for number in heard.standard):
        return Told(
            "inverter_profile", f"an inverter profile is heard (Pylontech, Victron or the like), not JK's: {names}",
            "While an inverter lives on this profile leave it, and read the battery over RS485. Otherwise: " + _OPTION,
            False,
        )  # fmt: skip
    if any(number in _FROM_INVERTER for number in heard.standard):
        return Told(
            "inverter_only", f"an inverter is heard, but no battery: {names}",
            "Is the battery on, and its CAN jack on this bus? " + _OPTION, False,
        )  # fmt: skip
    if any(name in heard.strangers for name in _WRAPPED):
        return Told(
            "high_address", f"a battery with an address above 11 may be heard, with identifiers of its own: {names}",
            "Give each battery an address from 0 to 11 (DIP switches, or device address in the app).", False,
        )  # fmt: skip
    return Told(
        "foreign_ids", f"only identifiers are heard that are none of JK's: {names}",
        "The bit rate is right, but this is another bus or another protocol. " + _OPTION, False,
    )  # fmt: skip


def _packs(heard: Heard, expected: list[int]) -> list[Told]:
    bus = heard.bus
    packs = sorted(bus.packs, key=lambda pack: int(pack.address))
    addresses = [int(pack.address) for pack in packs]
    found = [
        Told(
            "two_packs", f"two packs send with address {pack.address}: its values jump back and forth",
            "Give each pack a DIP address of its own, or its own CAN bus.", False,
        )
        for pack in packs if pack.counts[pk.DOUBLE]
    ]  # fmt: skip
    missing = [address for address in expected if address not in addresses]
    if missing:
        found.append(Told(
            "some_silent", f"no frame of address {_list(missing)}, others are heard",
            "Are they on, their CAN jacks on this bus, their DIP switches as configured? Or correct bus.packs.", False,
        ))  # fmt: skip
    quiet = [int(pack.address) for pack in packs if not pack.holds(LIVE)]
    if quiet and len(quiet) < len(packs):
        found.append(Told(
            "went_silent", f"address {_list(quiet)} was heard, then no more, others still are",
            "Is it still on, is the plug in its CAN jack loose?", False,
        ))  # fmt: skip
    if heard.state in _PORT_STATES:
        word, text = _PORT_STATES[heard.state]
        word, text = ("went_silent", "frames came, then none any more") if word == "silence" else (word, text)
        found.append(Told(word, text, heard.trouble, False))
    elif heard.errors * _FEW_ERRORS > bus.frames:
        found.append(Told(
            "error_frames", f"{heard.errors} error frames beside {bus.frames} good ones",
            "Check the cable and the plugs, and fit 120 ohm at both ends of the bus, not in between.", False,
        ))  # fmt: skip
    if bus.rejects[IMPLAUSIBLE]:
        found.append(Told(
            "implausible", f"{bus.rejects[IMPLAUSIBLE]} messages say what no battery can (no voltage, above 100 %)",
            "Something else uses JK's identifiers on this bus.", False,
        ))  # fmt: skip
    found.append(Told("ok_listening", f"packs are heard: address {_list(addresses)}{_at(heard)}",
                      "Nothing has to be changed.", True))  # fmt: skip
    found += _notes(heard, packs)
    return found


def _notes(heard: Heard, packs: list[Any]) -> list[Told]:
    """What is worth knowing beside the verdict."""
    found = []
    old = [int(pack.address) for pack in packs if pack.version == 1]
    if old:
        found.append(Told("v1", f"address {_list(old)} speaks the older protocol V1, of four messages",
                          "It has no cell voltages, capacities or switches.", True))  # fmt: skip
    high = [int(pack.address) for pack in packs if pack.address > _TRUSTED]
    if high:
        found.append(Told("high_address", f"address {_list(high)} is above 11",
                          "Its identifiers run into those of others: better 0 to 11.", True))  # fmt: skip
    if short := heard.bus.rejects[SHORT]:
        found.append(Told("short_frames", f"{short} frames were too short and were not read", "", True))
    if heard.strangers:
        found.append(Told("others_heard", f"others are on this bus too: {_most(heard)}", "", True))
    return found


def _other_bitrate(heard: Heard) -> Told:
    return Told(
        "other_bitrate", f"the bus runs at {speed(heard.elsewhere)}, not at {speed(heard.bitrate)}",
        f"Set bus.bitrate = {heard.elsewhere}.", False,
    )  # fmt: skip


def pack_facts(heard: Heard) -> list[dict[str, Any]]:
    """What is known of each pack, in the shape the report has for RS485."""
    out = []
    for pack in sorted(heard.bus.packs, key=lambda pack: int(pack.address)):
        known = pack.holds(LIVE) and not pack.counts[pk.DOUBLE]
        voltage = pack.scaled(_VOLTAGE) if known else None
        out.append({
            "address": int(pack.address),
            "cells": int(pack.cells()) or None,
            "voltage": None if voltage is None else voltage / 1000,
            "soc": pack.scaled(_SOC) if known else None,
            "model": None,
            "firmware": None,
            "asked": 0,
            "frames": int(pack.counts[pk.ANSWERS]),
            "lost": 0,
            "error_rate": None,
        })  # fmt: skip
    return out


def _at(heard: Heard) -> str:
    return f" at {speed(heard.bitrate)}" if heard.bitrate else ""


def _most(heard: Heard) -> str:
    """Identifiers of others, the most frequent first."""
    found = heard.strangers.most_common()
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(name for name, _ in found[:_SHOWN]) + more


def _list(addresses: list[int]) -> str:
    return ", ".join(str(address) for address in addresses)
