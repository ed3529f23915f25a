"""The doctor's phases on one port: listen, ask where that is safe, try other speeds. Time and port are handed in.

Asking is safe only where not one byte was heard for 10 s. While asking, bytes that nobody can explain stop it: either
the line is then silent for another 10 s (so they were a damaged answer), or nothing more is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from jkbridge.clock import since
from jkbridge.doctor import patient
from jkbridge.doctor.asking import SILENCE_MS, Asking
from jkbridge.ports import PortEvent
from jkcore import doctor, verdicts
from jkcore.rs485 import Rs485Bus

USUAL_BAUD = 115_200
_SPEEDS = (115_200, 9_600, 57_600, 19_200, 38_400)
_SPEED_MS = 6_000
_ASK_MS = 60_000
_OPEN_MS = 10_000
_PAUSE_MS = 50
_MASTER_FRAMES = 2

# Bytes came, and nobody knows what they are.
_SENSELESS = (verdicts.SLOWER, verdicts.ZEROS, verdicts.MAYBE_SWAPPED, verdicts.NOISE)
_FOREIGN = (verdicts.OLD_JK, verdicts.PYLONTECH, verdicts.MODBUS)
_LED = (verdicts.OK_MASTER, verdicts.MASTER_ALONE)
_MUTE = (verdicts.SILENT, verdicts.ECHO_ONLY)

Finding = list[Any]


class DoctorPort(Protocol):
    """What is needed of a port; jkbridge.ports.SerialPort has it."""

    def start(self) -> None: ...

    def poll(self) -> PortEvent | None: ...

    def write(self, buf: bytearray, n: int) -> None: ...

    def close(self) -> None: ...


class Progress(Protocol):
    """Is told how far the examination is."""

    def phase(self, text: str, seconds: float) -> None: ...

    def passed(self, seconds: float, heard: str) -> None: ...


@dataclass
class Result:
    """What was found. findings: the gravest first, never empty unless `failure` says why the port cannot be used."""

    findings: list[Finding] = field(default_factory=list)
    packs: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    """The same as the core's packs."""
    phases: list[dict[str, Any]] = field(default_factory=list)
    baud: int = USUAL_BAUD
    listens: bool = False
    """Somebody else leads the line."""
    expected: list[int] = field(default_factory=list)
    """Addresses the user has configured, whether they answer or not."""
    failure: str = ""
    vanished: bool = False


class _PortLostError(Exception):
    """The port cannot be opened, or stopped working; the text is a sentence."""

    def __init__(self, text: str, was_open: bool) -> None:
        super().__init__(text)
        self.was_open = was_open


class Examination:
    """One examination of one port.

    connect(baud) makes the port; clock: ms of the core; rest(ms) waits. configured: addresses the user expects, or
    None; role: of the configuration. speeds: the speed can be changed from here (not at a TCP gateway).
    """

    def __init__(
        self,
        port: str,
        connect: Callable[[int], DoctorPort],
        clock: Callable[[], int],
        rest: Callable[[int], None],
        progress: Progress,
        *,
        baud: int = USUAL_BAUD,
        configured: list[int] | None = None,
        role: str = "auto",
        seconds: float = 20,
        may_ask: bool = True,
        speeds: bool = True,
        log: patient.Log = lambda level, text: None,
    ) -> None:
        self._port = port
        self._connect = connect
        self._clock = clock
        self._rest = rest
        self._progress = progress
        self._baud = baud
        self._configured = configured
        self._role = role
        self._listen_ms = max(SILENCE_MS, int(seconds * 1000))
        self._may_ask = may_ask
        self._speeds = [s for s in _SPEEDS if s != baud] if speeds else []
        self._log = log
        self._result = Result(baud=baud)

    def run(self) -> Result:
        """All phases that make sense, one after the other."""
        result = self._result
        try:
            result.findings = self._examine()
        except _PortLostError as e:
            result.failure = str(e).removesuffix(" Trying again.").removesuffix(" Trying again until it is back.")
            result.vanished = e.was_open
            return result
        self._compare()
        result.findings.sort(key=verdicts.rank)
        return result

    def _examine(self) -> list[Finding]:
        bus, findings = self._listen(self._baud)
        first = findings[0][0]
        if first in _SENSELESS:
            return self._other_speeds(findings)
        if first != verdicts.NO_BYTES or bus.bytes_in:
            why = "something was heard that may not be disturbed"
            return findings if verdicts.healthy(findings[0]) else [*findings, [verdicts.NOT_ASKED, why]]
        if not self._may_ask:
            why = "role is listen" if self._role == "listen" else "as told by --no-ask"
            return [*findings, [verdicts.NOT_ASKED, why]]
        findings = self._ask(self._baud)
        if findings[0][0] in _MUTE and self._speeds:
            # Protocol 013 is JK Modbus at 9600 baud (protocol/rs485.md section 1.1).
            other = next(speed for speed in (9_600, USUAL_BAUD) if speed != self._baud)
            heard, _ = self._listen(other, SILENCE_MS)  # somebody may talk at this speed
            found = findings if heard.bytes_in else self._ask(other)
            if found[0][0] not in _MUTE and self._result.packs:
                return self._at_other_speed(other, found)
        return findings

    def _listen(self, baud: int, limit_ms: int | None = None) -> tuple[Rs485Bus, list[Finding]]:
        bus = patient.listening_bus(self._port, baud, self._log)
        limit = self._listen_ms if limit_ms is None else limit_ms
        self._phase("listening", bus, baud, limit, self._heard_enough)
        return bus, self._judge(bus)

    def _judge(self, bus: Rs485Bus) -> list[Finding]:
        """The core's findings; the packs heard are kept when there are any."""
        findings: list[Finding] = doctor.examine(bus)
        packs = patient.pack_facts(bus)
        if packs:
            self._result.packs = packs
            self._result.heard = list(bus.packs)
            self._result.listens = bus.role() == "listen"
        return findings

    def _other_speeds(self, findings: list[Finding]) -> list[Finding]:
        """What was heard makes no sense at the speed given: does it at another one?"""
        for speed in self._speeds:
            bus, found = self._listen(speed, _SPEED_MS)
            if any(bus.evidence.frames) or any(bus.evidence.asked):
                return self._at_other_speed(speed, found)
            if found[0][0] in _FOREIGN:
                return [*_without_speed(found), [verdicts.HEARD_AT, speed]]
        return [*findings, [verdicts.NOT_ASKED, "something was heard that nobody understands"]]

    def _at_other_speed(self, speed: int, found: list[Finding]) -> list[Finding]:
        self._result.baud = speed
        return [[verdicts.OTHER_BAUD, speed, self._baud], *_without_speed(found)]

    def _ask(self, baud: int) -> list[Finding]:
        bus = patient.asking_bus(self._port, baud, self._log)
        asking = Asking(bus, self._configured or [])
        self._phase("asking addresses 1 to 15", bus, baud, _ASK_MS, asking.enough, asking)
        findings = self._judge(bus)
        if asking.stranger:
            # Somebody was only silent for a while: who is it?
            again, found = self._listen(baud)
            return found if again.bytes_in else [[verdicts.FOREIGN_BYTES], *findings]
        return findings

    def _compare(self) -> None:
        """What the user expects against what is there."""
        answering = {pack["address"] for pack in self._result.packs if pack["frames"]}
        self._result.expected = list(self._configured or [])
        missing = [address for address in self._result.expected if address not in answering]
        if missing and answering:
            self._result.findings.append([verdicts.SOME_SILENT, ", ".join(str(address) for address in missing)])
        if self._role == "poll" and any(f[0] in _LED for f in self._result.findings):
            self._result.findings.append([verdicts.ROLE_POLL])

    # --- one phase

    def _heard_enough(self, bus: Rs485Bus, passed: int) -> bool:
        """Silence for long enough, or a whole round of a master with two readings of everybody."""
        if not bus.bytes_in:
            return passed >= SILENCE_MS
        evidence = bus.evidence
        if evidence.gained(bus, doctor.DAMAGED) or evidence.frames[0] < _MASTER_FRAMES or not all(evidence.asked[1:]):
            return False  # with damage it takes longer to know how much, and whose
        return min(count for count in evidence.frames if count) >= _MASTER_FRAMES

    def _phase(
        self,
        text: str,
        bus: Rs485Bus,
        baud: int,
        limit: int,
        enough: Callable[[Rs485Bus, int], bool],
        gate: Asking | None = None,
    ) -> None:
        """Drive the bus until enough is heard, at most `limit` ms from the opening of the port."""
        self._progress.phase(f"{text} at {baud} baud", limit / 1000)
        port = self._connect(baud)
        began = self._clock()
        opened: int | None = None
        passed = 0
        port.start()
        try:
            while True:
                now = self._clock()
                self._take(port, bus)
                if opened is None:
                    if bus.is_open:
                        opened = now
                    elif since(now, began) > _OPEN_MS:
                        raise _PortLostError(f"{self._port} could not be opened within {_OPEN_MS // 1000} s.", False)
                else:
                    passed = since(now, opened)
                    if passed >= limit or enough(bus, passed):
                        return
                    if gate is None or gate.may_send(now):
                        n = bus.tick(now)
                        if n:
                            port.write(bus.tx, n)
                    self._progress.passed(passed / 1000, f"{bus.bytes_in} bytes, {bus.frames} frames")
                self._rest(max(1, min(_PAUSE_MS, int(bus.sleep_ms(now)))))
        finally:
            port.close()
            self._result.phases.append(
                {
                    "phase": text,
                    "baud": baud,
                    "seconds": round(passed / 1000, 1),
                    "requests": int(bus.evidence.gained(bus, doctor.REQUESTS)),
                    "bytes": int(bus.bytes_in),
                    "frames": int(bus.frames),
                    "damaged": int(bus.evidence.gained(bus, doctor.DAMAGED)),
                    "stray_bytes": int(bus.garbage),
                    "requests_of_others": int(sum(bus.evidence.asked)),
                }
            )

    def _take(self, port: DoctorPort, bus: Rs485Bus) -> None:
        """Hand on what the port has to say."""
        while (event := port.poll()) is not None:
            if event.kind == "data":
                bus.feed(event.data, len(event.data), event.at)
            elif event.kind == "opened":
                bus.opened(event.at)
            else:
                raise _PortLostError(event.reason, bool(bus.openings))


def _without_speed(found: list[Finding]) -> list[Finding]:
    """Without the note about an unusual speed: the doctor chose it, not the user."""
    return [finding for finding in found if finding[0] != verdicts.ODD_BAUD]
