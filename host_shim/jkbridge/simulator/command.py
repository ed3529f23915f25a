"""`jkbridge simulate`: packs that are not there, on a serial port or TCP port that is."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator

from . import can_command
from .battery import STORIES
from .chemistry import CHEMISTRIES
from .faults import KINDS, SORTS, WRITE_KINDS, parse_fault
from .line import Line
from .make import make_line, parse_addresses
from .profiles import PROFILES
from .registers import ORDERS
from .server import Server

DESCRIPTION = (
    "Simulates JK PB packs on an RS485 line and serves the line on a pseudo-terminal (like a USB adapter) "
    "or on TCP (like an RS485-to-Ethernet converter), or what the packs say on CAN (--can). "
    "The packs live through a sunny day: solar charging, absorption and float, balancing, "
    "an evening of discharge, now and then an alarm. Ends with Ctrl-C."
)


def _epilog() -> str:
    faults = "\n".join(f"  {kind:<11} {text}" for kind, text in KINDS.items())
    writing = "\n".join(f"  {kind:<11} {text}" for kind, text in WRITE_KINDS.items())
    stories = "\n".join(f"  {name:<17} {text}" for name, text in STORIES.items())
    return (
        "faults (--fault KIND[=AMOUNT][,pack=N][,rate=0..1][,each=0..1][,count=N][,after=S][,until=S]\n"
        "  [,only=SORT][,register=R]):\n"
        f"{faults}\n"
        "  and with what is written to a pack:\n"
        f"{writing}\n"
        "  rate: share of the answers that is struck; count: not more often than this;\n"
        "  after, until: seconds from the start;\n"
        f"  only: strike this sort of answer ({', '.join(SORTS)});\n"
        "  register: strike writes to this register, such as 0x1078.\n"
        "  Example: --fault silence,pack=2,after=30,until=90 --fault drop=3,rate=0.05\n"
        "  A lost ack: --fault silence,only=ack   a late one: --fault delay=900,only=ack\n"
        "  Reads (FC03) that fail as often as on real packs: --fault silence,only=read,rate=0.5\n\n"
        "stories (--story NAME[+NAME][,NAME...], one after the other for the packs, 'healthy' for none):\n"
        f"{stories}\n\n"
        f"{can_command.epilog()}"
    )


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Put the options of `simulate` on an argparse parser."""
    parser.description = textwrap.fill(DESCRIPTION, 78)
    parser.epilog = _epilog()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    packs = parser.add_argument_group("packs")
    packs.add_argument("--packs", default="2", metavar="N|LIST",
                       help='how many packs (1..N; on CAN 0..N-1), or their addresses, such as "1-4,7" (default: 2)')
    packs.add_argument("--firmware", default="15.41", choices=[*PROFILES, "mixed"],
                       help="firmware the packs speak; mixed: all of them in turn (default: 15.41)")
    packs.add_argument("--cells", type=int, default=16, metavar="N",
                       help="cells per pack, 2 to 32 (default: 16)")
    packs.add_argument("--chemistry", default="lfp", choices=list(CHEMISTRIES),
                       help="kind of cell (default: lfp)")
    packs.add_argument("--capacity", type=int, default=280, metavar="AH", help="Ah per pack (default: 280)")
    packs.add_argument("--story", metavar="NAMES",
                       help="what the packs live through, see below (default: a mix)")
    packs.add_argument("--order", default="enforced", choices=list(ORDERS),
                       help="; ".join(f"{name}: {text}" for name, text in ORDERS.items()).replace("%", "%%")
                       + " (default: enforced)")
    leader = parser.add_argument_group("bus master")
    leader.add_argument("--master", default="none", choices=[*PROFILES, "none"],
                        help="one more pack, with address 0, asks the others in turn and tells its own values, in "
                        "slots of 0.4 s (14.20, 15.30) or 0.22 s (15.41, 19.27); --packs 0: alone (default: none)")
    leader.add_argument("--junk", action="store_true",
                        help="senseless bytes between the units, as seen with a master of firmware 15.41 or 19")
    day = parser.add_argument_group("day")
    day.add_argument("--start", type=float, default=9.0, metavar="HOUR",
                     help="hour of the day it begins at, 0 to 24 (default: 9)")
    day.add_argument("--speed", type=float, default=1.0, metavar="X",
                     help="battery time runs X times faster; 60 makes a day of 24 minutes (default: 1)")
    day.add_argument("--seed", type=int, default=0, metavar="N",
                     help="another number, another day (default: 0)")
    line = parser.add_argument_group("line")
    line.add_argument("--pty", nargs="?", const=True, default=False, metavar="LINK",
                      help="serve on a pseudo-terminal, LINK becomes a symbolic link to it (default)")
    line.add_argument("--tcp", nargs="?", const="127.0.0.1:8899", metavar="HOST:PORT",
                      help="serve on TCP like a transparent gateway (default: 127.0.0.1:8899; port 0: any)")
    line.add_argument("--latency", default=None, metavar="MS[-MS]",
                      help="pause before an answer, such as 12 or 5-20 (default: 5-20; unpaced: 0)")
    line.add_argument("--unpaced", action="store_true",
                      help="answer as fast as it can instead of at 115200 baud")
    line.add_argument("--fault", action="append", default=[], metavar="SPEC",
                      help="something that goes wrong, see below")
    can_command.add_arguments(parser)
    return parser


def main(args: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM. Returns 0, or 2 with a sentence on stderr if something cannot be had."""
    try:
        _check(args)
        if args.can is not None:
            can_command.run(args, stories_of(args.story), _until_stopped)
        else:
            _run(args)
    except (ValueError, OSError) as error:
        print(f"jkbridge simulate: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 2
    return 0


def _run(args: argparse.Namespace) -> None:
    line = _line_of(args)
    server = Server(line, pty=args.pty or args.tcp is None, tcp=_tcp_of(args.tcp))
    with _until_stopped() as ended, server:
        _say_how(args, line, server)
        ended.wait()
    _say_counts(line)


@contextlib.contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets."""
    ended = threading.Event()
    ends = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in ends}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(args: argparse.Namespace) -> None:
    """ValueError when something is not possible that every bus has."""
    if not 0 <= args.start <= 24:
        raise ValueError(f"--start {args.start:g} is no hour of the day; give 0 to 24, such as 17.5")
    if not 0.01 <= args.speed <= 10_000:
        raise ValueError(f"--speed {args.speed:g} cannot be kept; give 0.01 to 10000, such as 60")
    if args.capacity < 1:
        raise ValueError(f"--capacity {args.capacity} Ah is no battery; give 1 or more, such as 280")


def _line_of(args: argparse.Namespace) -> Line:
    master = None if args.master == "none" else args.master
    if args.junk and master is None:
        raise ValueError("--junk comes with a bus master; add --master 15.41")
    line = make_line(
        parse_addresses(args.packs, alone=master is not None), firmware=args.firmware, cells=args.cells,
        chemistry=args.chemistry, capacity_ah=args.capacity, stories=stories_of(args.story), start_hour=args.start,
        speed=args.speed, paced=not args.unpaced, latency_ms=_latency(args.latency), seed=args.seed,
        master=master, junk=args.junk, order=args.order,
    )
    for text in args.fault:
        kind, address, how = parse_fault(text)
        if address is not None and address not in line.slaves:
            known = ", ".join(str(known) for known in sorted(line.slaves))
            raise ValueError(f"--fault {text}: there is no pack {address}; the packs are {known}")
        line.fault(kind, address, **how)
    return line


def stories_of(text: str | None) -> list[tuple[str, ...]] | None:
    """What --story says, one tuple of names per pack; None when nothing was said."""
    if text is None:
        return None
    return [tuple(name for name in part.split("+") if name != "healthy") for part in text.split(",")]


def _latency(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    try:
        low, high = float(first), float(last or first)
    except ValueError:
        raise ValueError(f"--latency {text!r} cannot be read; give milliseconds such as 12 or 5-20") from None
    if not 0 <= low <= high:
        raise ValueError(f"--latency {text!r}: give the shorter time first, such as 5-20")
    return low, high


def _tcp_of(text: str | None) -> str | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--tcp {text!r} has no port from 0 to 65535; give HOST:PORT such as 127.0.0.1:8899")
    return f"{host or '127.0.0.1'}:{port}"


def _say_how(args: argparse.Namespace, line: Line, server: Server) -> None:
    addresses = ",".join(str(address) for address in sorted(line.slaves) if address)
    pace = "unpaced" if args.unpaced else "at 115200 baud"
    packs = ",".join(str(address) for address in sorted(line.slaves))
    print(f"Simulated RS485 line, {pace}, packs {packs}:")
    for address, slave in sorted(line.slaves.items()):
        battery = slave.battery
        story = ", ".join(battery.stories) or "healthy"
        role = "  (bus master)" if slave is line.master else ""
        print(f"  {address:>2}  {battery.profile.model(battery.rating)}  firmware {battery.profile.name}  "
              f"{battery.cells.count} cells {battery.chemistry.name}  {story}{role}")
    print("Connect with:")
    ports = [server.pty_path] if server.pty_path else []
    if server.tcp_port:
        ports.append(f"socket://{server.tcp_host}:{server.tcp_port}")
    for port in ports:
        print(f"  jkbridge run --port {port}" + (f" --packs {addresses}" if addresses else ""))
    if line.master is not None:
        print("Pack 0 leads the bus: a bridge may only listen there.")
    print("Ctrl-C ends.", flush=True)


def _say_counts(line: Line) -> None:
    slaves = [slave for slave in line.stations if slave is not line.master]
    if slaves:
        print("Requests heard / answered: " + ", ".join(
            f"pack {slave.address}: {slave.heard} / {slave.answered}" for slave in slaves
        ))
    for slave in line.stations:
        if slave.writes.log:
            fates = ", ".join(f"{count} {fate}" for fate, count in sorted(slave.writes.fates.items()))
            print(f"Writes to pack {slave.address}: {fates}; the last one: {slave.writes.log[-1]}")
    if line.master is not None:
        print(f"Bus master: {line.master.asked} requests, {line.master.cycles} cycles")
    print(f"Collisions: {line.collisions}")
