"""The CAN side of `jkbridge simulate`: its options, and what happens with --can."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from .can_faults import CAN_KINDS, CanFault
from .can_line import BITRATES, CanLine
from .can_make import PYLON, make_can
from .can_messages import READINGS, VERSIONS
from .can_others import OTHERS
from .can_server import CanServer, python_can, write_log
from .faults import parse_fault
from .make import parse_addresses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the CAN options on the parser of `simulate`."""
    can = parser.add_argument_group("CAN")
    can.add_argument("--can", metavar="INTERFACE:CHANNEL|FILE",
                     help="say on CAN what the packs say there by themselves, in place of RS485: on an interface "
                     "of python-can without wires, such as udp_multicast:239.74.163.2 or socketcan:vcan0, or into a "
                     "log file (.log, .asc, .blf, .trc, .csv); addresses are 0 to 15 then")
    can.add_argument("--bitrate", type=int, default=500_000, choices=BITRATES, metavar="BPS",
                     help="bit/s, for the time frames take: 250000 is the app's CAN option 000, 500000 option 006 "
                     "(default: 500000)")
    can.add_argument("--can-version", default="v2", choices=[*VERSIONS, PYLON],
                     help="v1: the four messages of V1.02; pylon: an inverter profile in the place of JK's messages, "
                     "as after a wrong setting in the app (default: v2)")
    can.add_argument("--can-also", default="", metavar="NAMES", help="who else is on the bus, see below")
    can.add_argument("--can-sign", type=int, default=1, choices=(1, -1),
                     help="-1: packs that count discharging as positive (default: 1)")
    can.add_argument("--can-above-11", default="carry", choices=list(READINGS),
                     help="; ".join(f"{name}: with addresses 12 to 15 {text}" for name, text in READINGS.items())
                     + " (default: carry)")
    can.add_argument("--can-alone", action="store_true",
                     help="nobody acknowledges: every frame ends in an error and is tried again")
    can.add_argument("--seconds", type=float, default=60.0, metavar="S",
                     help="length of a log file (default: 60)")


def epilog() -> str:
    """What the help says of CAN at its end."""
    faults = "\n".join(f"  {kind:<11} {text}" for kind, text in CAN_KINDS.items())
    others = "\n".join(f"  {name:<13} {text}" for name, text in OTHERS.items())
    return (
        "faults with --can (--fault as above, only=MESSAGE such as BATT_ST1):\n"
        f"{faults}\n"
        "  Example: --can udp_multicast:239.74.163.2 --packs 0-3 --fault cut=2,pack=1,rate=0.3\n\n"
        "others on the CAN bus (--can-also NAME[,NAME...]):\n"
        f"{others}\n"
    )


def run(
    args: argparse.Namespace,
    stories: Sequence[Sequence[str]] | None,
    until_stopped: Callable[[], AbstractContextManager[threading.Event]],
) -> None:
    """Serve or write what args.can says. Raises ValueError or OSError with a sentence."""
    line = _line_of(args, stories)
    interface, _, channel = args.can.partition(":")
    if not channel or interface not in python_can().VALID_INTERFACES:
        if not 0 < args.seconds <= 86_400:
            raise ValueError(f"--seconds {args.seconds:g}: a log file has up to 86400 seconds, such as 60")
        if os.path.exists(args.can):
            raise ValueError(f"{args.can} exists already and is left as it is; choose another name, or remove it")
        count = write_log(line, args.can, args.seconds)
        print(f"{args.can}: {count} frames, {args.seconds:g} s at {args.bitrate} bit/s, bus load {line.load:.1%}")
        return
    with until_stopped() as ended, CanServer(line, interface, channel) as server:
        _say_how(args, line)
        ended.wait()
        unsent = server.unsent
    print(f"Frames: {line.frames}, errors: {line.errors}, lost: {line.lost}, not taken: {unsent}, "
          f"bus load {line.load:.1%}")


def _line_of(args: argparse.Namespace, stories: Sequence[Sequence[str]] | None) -> CanLine:
    if args.master != "none" or args.junk or args.tcp is not None or args.pty:
        raise ValueError("--can goes without --pty, --tcp, --master and --junk: these are RS485's")
    line = make_can(
        parse_addresses(args.packs, lowest=0), bitrate=args.bitrate, firmware=args.firmware, cells=args.cells,
        chemistry=args.chemistry, capacity_ah=args.capacity, stories=stories, start_hour=args.start,
        speed=args.speed, seed=args.seed, version=args.can_version, sign=args.can_sign, reading=args.can_above_11,
        others=[name.strip() for name in args.can_also.split(",") if name.strip()], acknowledged=not args.can_alone,
    )
    for text in args.fault:
        kind, address, how = parse_fault(text, CanFault)
        if address is not None and address not in line.packs:
            known = ", ".join(str(known) for known in sorted(line.packs))
            raise ValueError(f"--fault {text}: there is no pack {address}; the packs are {known}")
        line.fault(kind, address, **how)
    return line


def _say_how(args: argparse.Namespace, line: CanLine) -> None:
    packs = sorted(line.packs.items())
    print(f"Simulated CAN bus, {args.bitrate} bit/s, packs {','.join(str(address) for address, _ in packs)}:")
    for address, pack in packs:
        battery = pack.battery
        story = ", ".join(battery.stories) or "healthy"
        print(f"  {address:>2}  {pack.version}  {battery.cells.count} cells {battery.chemistry.name}  {story}")
    print(f"On {args.can}. Ctrl-C ends.", flush=True)
