"""`jkbridge doctor`: which port, what is on it, what to change. 0: healthy; 1: a fault; 2: no port, usage."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from jkbridge import can_link, port_errors
from jkbridge.clock import now_ms
from jkbridge.doctor import proposal, report
from jkbridge.doctor.adapters import Adapter, adapters
from jkbridge.doctor.examination import Examination, Result
from jkbridge.logger import Log
from jkbridge.loop import Wake
from jkbridge.ports import SerialPort
from jkbridge.settings import Settings
from jkcore import log as levels
from jkcore import verdicts

EXIT_FAULT = 1
EXIT_PORT = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `doctor` beside those of the configuration."""
    parser.add_argument("--seconds", type=_seconds, default=20.0, metavar="N",
                        help="listen for at most N seconds (20; at least 10)")  # fmt: skip
    parser.add_argument("--bus", metavar="BUS", help="name, port or number of the bus to examine (1; and the "
                        "first of the other kind, where RS485 and CAN are configured)")
    parser.add_argument("--no-ask", action="store_true", help="only listen, never send a byte")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object instead of text")
    parser.add_argument("--write", metavar="FILE", help="write the configuration that fits to FILE (TOML)")
    parser.add_argument("--force", action="store_true", help="with --write: overwrite FILE")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 10 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not possible: a number from 10 to 3600. Example: --seconds 30")
    return value


def main(args: argparse.Namespace, settings: Settings, log: Log) -> int:
    """Choose the buses, examine them, tell what was found; of RS485 and CAN also what they say of each other."""
    console = Console(soft_wrap=not sys.stdout.isatty(), emoji=False)
    found = adapters()
    buses = _chosen(settings, args.bus)
    if not buses:
        refused = _refused(args, console, "", found, "no_such_bus", _no_bus(settings, args.bus))
        return _end(args, refused.code, refused.facts)
    if args.write and not args.force and Path(args.write).exists():
        port = buses[0]["port"]
        refused = _refused(args, console, port, found, "file_exists", proposal.exists(args.write))
        return _end(args, refused.code, refused.facts)
    left = [] if args.bus else [bus["name"] or bus["port"] for bus in settings.config["bus"] if bus not in buses]
    if left and not args.as_json:
        console.print(f"Not examined: {', '.join(left)}. One at a time: jkbridge doctor --bus {shlex.quote(left[0])}",
                      highlight=False, markup=False)  # fmt: skip
    without = f"; without {', '.join(left)}, not examined" if left else ""
    told: list[report.Outcome] = []
    for n, bus in enumerate(buses):
        if n and not args.as_json:
            console.print()
        if bus["kind"] == "can":
            from jkbridge.doctor import can_command

            told.append(can_command.examine(args, bus, log, console, len(buses) == 1))
        else:
            told.append(_serial(args, bus, found, log, console, len(buses) == 1))
    if left:
        told[0].facts["not_examined"] = left
    if len(told) == 1:
        first = told[0]
        text = None if first.bus is None else proposal.toml(first.bus, first.verdict + without)
        # A port that could not be opened is no bus without packs.
        return _end(args, first.code, first.facts, text, bool(args.write and first.verdict))
    return _both(args, settings, console, buses, told, without)


def _end(
    args: argparse.Namespace, code: int, facts: dict[str, Any], toml: str | None = None, write: bool = False
) -> int:
    """Print the object of --json, write what --write asks for. The exit code."""
    if args.as_json:
        print(json.dumps(facts, ensure_ascii=False))
    if not write:
        return code
    return proposal.save(
        Path(args.write), toml, args.force, lambda text: print(text, file=sys.stderr if args.as_json else sys.stdout)
    ) or code


def _both(
    args: argparse.Namespace, settings: Settings, console: Console, buses: list[dict[str, Any]],
    told: list[report.Outcome], without: str,
) -> int:
    """What a bus of RS485 and one of CAN say of each other; the object of --json is that of the first, with `other`."""
    from jkbridge.doctor import pairs

    n = 0 if buses[0]["kind"] == "serial" else 1
    prefixes = [buses[n]["prefix"], buses[1 - n]["prefix"]]
    configured = [pack for pack in settings.config["pack"] if pack["pair"] and pack["pair"][::2] == prefixes]
    findings, rows = pairs.judge(
        pairs.samples(told[n].packs), pairs.samples(told[1 - n].packs), prefixes[0], configured
    )
    whole = None
    if told[0].bus is not None and told[1].bus is not None:
        proposed = [_named(outcome.bus or {}, bus) for outcome, bus in zip(told, buses, strict=True)]
        whole = proposal.whole(proposed, rows, f"{told[0].verdict}; {told[1].verdict}{without}")
    if not args.as_json:
        report.tell_pairs(console, findings, whole or proposal.rows(rows))
    facts = told[0].facts | {"other": told[1].facts, "together": report.plain(findings), "pairs": rows}
    code = max(told[0].code, told[1].code, 0 if all(one.healthy for one in findings) else EXIT_FAULT)
    return _end(args, code, facts, whole, bool(args.write and all(outcome.verdict for outcome in told)))


def _named(proposed: dict[str, Any], bus: dict[str, Any]) -> dict[str, Any]:
    """The bus proposed, with what ids and log lines are made of."""
    return proposed | {key: bus[key] for key in ("name", "prefix") if bus[key]}


def _serial(
    args: argparse.Namespace, bus: dict[str, Any], found: list[Adapter], log: Log, console: Console, alone: bool
) -> report.Outcome:
    """Examine one RS485 bus; alone: as in can_command.examine."""
    port = bus["port"] or _only_likely(found)
    if not args.as_json and not bus["port"]:
        _list(console, found)
    if not port:
        return _refused(args, console, "", found, "no_port", _no_port(found))
    if failure := _preflight(port, bus["baud"]):
        return _refused(args, console, port, found, *failure)
    if not args.as_json:
        console.print(f"Examining {port}.", highlight=False, markup=False)
    result = _examine(args, bus, port, console, log)
    if result.failure:
        word = "port_vanished" if result.vanished else "port_failed"
        return _refused(args, console, port, found, word, result.failure)
    if not args.as_json:
        report.show(console, port, result, alone)
    code = 0 if verdicts.healthy(result.findings[0]) else EXIT_FAULT
    verdict = verdicts.text(result.findings[0])
    facts = report.facts_of(port, result, found)
    return report.Outcome(code, facts, proposal.propose(port, result), verdict, tuple(result.heard))


def _chosen(settings: Settings, wanted: str | None) -> list[dict[str, Any]]:
    """The bus of that name, port or number (from 1), none where there is no such bus. Where nothing is wanted the first
    one, and the first one of the other kind: a battery may be on both."""
    buses: list[dict[str, Any]] = settings.config["bus"]
    if wanted is None:
        return [buses[0], *[bus for bus in buses if bus["kind"] != buses[0]["kind"]][:1]]
    found = [bus for n, bus in enumerate(buses, 1)
             if wanted in (bus["name"], bus["port"], bus.get("channel"), str(n))]  # fmt: skip
    return found[:1]


def _no_bus(settings: Settings, wanted: str) -> str:
    names = ", ".join(bus["name"] or bus["port"] or "simulated" for bus in settings.config["bus"])
    return f"--bus {wanted}: there is no such bus in the configuration. There are: {names}"


def _examine(args: argparse.Namespace, bus: dict[str, Any], port: str, console: Console, log: Log) -> Result:
    wake = Wake()
    # What the ports say is part of the verdict; whoever wants to see the bytes asks for it.
    listener: Any = log if log.level < levels.INFO else lambda level, text: None
    progress: Any = report.Quiet() if args.as_json else report.Shown(console)
    examination = Examination(
        port,
        lambda baud: SerialPort(port, baud, listener, wake),
        now_ms,
        wake.wait,
        progress,
        baud=bus["baud"],
        configured=None if bus["scan"] else bus["packs"],
        role=bus["role"],
        seconds=args.seconds,
        may_ask=not args.no_ask and bus["role"] != "listen",
        speeds=not port.startswith(("tcp://", "socket://")),
        log=listener,
    )
    try:
        return examination.run()
    finally:
        progress.end()


def _preflight(port: str, baud: int) -> tuple[str, str] | None:
    """(code word, sentence) when a device cannot be opened. A gateway is not tried: many serve one client only."""
    if "://" in port:
        return None
    import serial

    try:
        line = serial.Serial(baudrate=baud, exclusive=True)
        line.port = port
        line.open()
        line.close()
    except Exception as e:  # pyserial lets termios.error, ValueError and OSError through beside its own
        return f"port_{port_errors.kind(port, e)}", port_errors.sentence(port, e).removesuffix(" Trying again.")
    return None


def _only_likely(found: list[Adapter]) -> str:
    likely = [adapter.name for adapter in found if adapter.likely]
    return likely[0] if len(likely) == 1 else ""


def _no_port(found: list[Adapter]) -> str:
    likely = [adapter.name for adapter in found if adapter.likely]
    if likely:
        return f"{len(likely)} ports may be RS485 adapters: choose one. Example: jkbridge doctor --port {likely[0]}"
    return (
        "No RS485 adapter was found on this machine: plug it in, or name the port. "
        "Example: jkbridge doctor --port /dev/ttyUSB0, or --port tcp://192.168.1.50:8899 for a gateway"
    )


def _list(console: Console, found: list[Adapter]) -> None:
    console.print("Serial ports of this machine:" if found else "This machine has no serial port.", highlight=False)
    for adapter in found:
        console.print(f"  {adapter.line()}", highlight=False, markup=False)
    for name in can_link.interfaces():
        console.print(f"CAN interface {name}: jkbridge doctor --set bus.kind=can --set bus.channel={name}",
                      highlight=False, markup=False)  # fmt: skip


def _refused(
    args: argparse.Namespace, console: Console, port: str, found: list[Adapter], word: str, text: str
) -> report.Outcome:
    """Nothing could be examined."""
    if not args.as_json:
        console.print(f"{text}", highlight=False, markup=False, style="bold red")
    return report.Outcome(EXIT_PORT, report.facts_of(port, None, found, (word, text)))
