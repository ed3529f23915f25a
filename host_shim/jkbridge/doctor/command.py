"""`jkbridge doctor`: which port, what is on it, what to change. 0: healthy; 1: a fault; 2: no port, usage."""

from __future__ import annotations

import argparse
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
    parser.add_argument("--bus", metavar="BUS", help="name, port or number of the bus to examine (1)")
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
    """Choose the port, examine it, tell what was found."""
    console = Console(soft_wrap=True) if not sys.stdout.isatty() else Console()
    found = adapters()
    bus = _chosen(settings, args.bus)
    if bus is None:
        return _refuse(args, console, "", found, "no_such_bus", _no_bus(settings, args.bus))
    if args.write and not args.force and Path(args.write).exists():
        return _refuse(args, console, bus["port"], found, "file_exists", proposal.exists(args.write))
    if bus["kind"] == "can":
        from jkbridge.doctor import can_command

        return can_command.main(args, bus, log, console)
    port = bus["port"] or _only_likely(found)
    if not args.as_json and not bus["port"]:
        _list(console, found)
    if not port:
        return _refuse(args, console, "", found, "no_port", _no_port(found))
    if failure := _preflight(port, bus["baud"]):
        return _refuse(args, console, port, found, *failure)
    if not args.as_json:
        others = [other["port"] for other in settings.config["bus"] if other is not bus]
        hint = f" (The others: --bus {others[0]} and so on.)" if others else ""
        console.print(f"Examining {port}.{hint}", highlight=False, markup=False)
    result = _examine(args, bus, port, console, log)
    if result.failure:
        word = "port_vanished" if result.vanished else "port_failed"
        return _refuse(args, console, port, found, word, result.failure)
    if args.as_json:
        print(report.as_json(port, result, found))
    else:
        report.show(console, port, result)
    code = 0 if verdicts.healthy(result.findings[0]) else EXIT_FAULT
    return _write(args, console, port, result) or code


def _chosen(settings: Settings, wanted: str | None) -> dict[str, Any] | None:
    """The bus of that name, port or number (from 1), None: there is none; the first where nothing is wanted."""
    buses: list[dict[str, Any]] = settings.config["bus"]
    if wanted is None:
        return buses[0]
    found = [bus for n, bus in enumerate(buses, 1)
             if wanted in (bus["name"], bus["port"], bus.get("channel"), str(n))]  # fmt: skip
    return found[0] if found else None


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


def _refuse(
    args: argparse.Namespace, console: Console, port: str, found: list[Adapter], word: str, text: str
) -> int:
    """Nothing could be examined."""
    if args.as_json:
        print(report.as_json(port, None, found, (word, text)))
    else:
        console.print(f"{text}", highlight=False, markup=False, style="bold red")
    return EXIT_PORT


def _write(args: argparse.Namespace, console: Console, port: str, result: Result) -> int:
    """Write the proposal where --write says; 0, or the exit code of a failure."""
    if not args.write:
        return 0
    say = (lambda text: print(text, file=sys.stderr)) if args.as_json else (
        lambda text: console.print(text, highlight=False, markup=False))  # fmt: skip
    bus = proposal.propose(port, result)
    text = None if bus is None else proposal.toml(bus, verdicts.text(result.findings[0]))
    return proposal.save(Path(args.write), text, args.force, say)
