"""Others on a CAN bus of batteries: an inverter and its profile, a display that switches, a charger, strangers.

None of it is JK's broadcast. Identifiers of JK's own peripherals: protocol/can.md 4.12 to 4.14; the Pylontech profile
as inverters of many makers use it.
"""

from __future__ import annotations

from collections.abc import Callable

from .battery import Battery
from .can_pack import CanStation
from .can_wire import Frame
from .noise import noise, whole
from .readings import Values, live_values

Build = Callable[[], bytes]

OTHERS = {
    "pylon": "a battery with the Pylontech profile beside the JK packs",
    "inverter": "an inverter or GX device: 0x305 and 0x307 each second",
    "display": "a display that switches the first pack: 0x18F0F428 every 5 s",
    "charger": "a charger that answers: 0x18FF50E5 each second",
    "foreign": "30 frames a second with identifiers that mean nothing here",
    "undocumented": "0x01F21400, as one JK BMS was seen to send it",
    "remote": "somebody who asks for 0x2F4 by a remote frame each second",
}


class Sender(CanStation):
    """Sends `frames`, (identifier, extended, bytes or function that gives them), every `every_ms`.

    first_ms: when it begins, from the moment it is plugged in.
    """

    def __init__(
        self,
        name: str,
        every_ms: float,
        frames: list[tuple[int, bool, bytes | Build]],
        first_ms: float = 50,
        remote: bool = False,
    ) -> None:
        self.name = name
        self.every_ms = every_ms
        self.frames = frames
        self.first_ms = first_ms
        self.remote = remote

    def plugged(self) -> None:
        assert self.line is not None
        self.line.after(int(self.first_ms * 1_000_000), self._send)

    def _send(self) -> None:
        line = self.line
        if line is None:
            return
        line.after(int(self.every_ms * 1_000_000), self._send)
        for number, (identifier, extended, data) in enumerate(self.frames):
            payload = data if isinstance(data, bytes) else data()
            line.say(self, self.name, Frame(identifier, extended, payload, self.remote), number * 1_000_000)


class Stranger(CanStation):
    """Sends frames with identifiers that are neither JK's nor an inverter's, `rate` a second on the average."""

    name = "stranger"

    def __init__(self, rate: float = 30, seed: int = 0) -> None:
        self.rate = rate
        self.seed = seed
        self._count = 0

    def plugged(self) -> None:
        self._again()

    def _again(self) -> None:
        if self.line is not None:
            self._count += 1
            gap = 2e9 / self.rate * noise(self.seed, self._count, 71)
            self.line.after(int(gap), self._send)

    def _send(self) -> None:
        if self.line is None:
            return
        extended = noise(self.seed, self._count, 72) < 0.5
        identifier = whole(0x0CF00000, 0x0CF0FFFF, self.seed, self._count, 73) if extended \
            else whole(0x100, 0x1FF, self.seed, self._count, 73)
        length = whole(0, 8, self.seed, self._count, 74)
        data = bytes(whole(0, 255, self.seed, self._count, 75, place) for place in range(length))
        self.line.say(self, self.name, Frame(identifier, extended, data))
        self._again()


def other(name: str, battery: Battery, seed: int = 0) -> CanStation:
    """The station `name`, a key of OTHERS; `battery` is the one the bus talks about. ValueError for another name."""
    if name == "pylon":
        return Pylon(battery)
    if name == "inverter":
        return Sender(name, 1000, [(0x305, False, bytes(8)), (0x307, False, bytes.fromhex("1234567856494300"))])
    if name == "display":
        return Sender(name, 5000, [(0x18F0F428, True, bytes.fromhex("0100000000000000"))])
    if name == "charger":
        return Sender(name, 1000, [(0x18FF50E5, True, bytes(8))])
    if name == "foreign":
        return Stranger(seed=seed)
    if name == "undocumented":
        return Sender(name, 1000, [(0x01F21400, True, bytes.fromhex("C7141200E4002300"))])
    if name == "remote":
        return Sender(name, 1000, [(0x2F4, False, bytes(8))], remote=True)
    raise ValueError(f"{name!r} is nobody on the bus; choose from {', '.join(OTHERS)}")


class Pylon(Sender):
    """The Pylontech profile for one battery, a round each second: what JK sends with the app's CAN option 2."""

    def __init__(self, battery: Battery) -> None:
        self.battery = battery
        super().__init__("pylon", 1000, [
            (0x351, False, self._limits), (0x355, False, self._charge), (0x356, False, self._measured),
            (0x359, False, bytes.fromhex("0000000001504E00")), (0x35C, False, bytes.fromhex("C000")),
            (0x35E, False, b"PYLON   "),
        ])

    def _values(self) -> Values:
        assert self.line is not None
        t = self.line.battery_seconds()
        self.battery.advance(t)
        return live_values(self.battery, t)

    def _limits(self) -> bytes:
        settings = self.battery.settings
        volt = self.battery.target_mv() * self.battery.cells.count // 100
        low = settings["cell_undervoltage_protection"] * self.battery.cells.count // 100
        return _words(volt, settings["max_charge_current"] // 100, settings["max_discharge_current"] // 100, low)

    def _charge(self) -> bytes:
        values = self._values()
        return _words(values["soc"], values["soh"])

    def _measured(self) -> bytes:
        values = self._values()
        return _words(values["pack_voltage"] // 10, values["current"] // 100 & 0xFFFF, values["temperature_1"])


def _words(*numbers: int) -> bytes:
    return b"".join((number & 0xFFFF).to_bytes(2, "little") for number in numbers)
