"""`jkbridge doctor` at a CAN bus: opens the adapter in listen-only mode, tells what was found."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from jkbridge import can_errors, can_log
from jkbridge.can_interfaces import FILE, interface_of
from jkbridge.can_port import CanPort
from jkbridge.can_replay import CanReplayPort
from jkbridge.clock import now_ms
from jkbridge.doctor import can_findings, proposal, report
from jkbridge.doctor.can_examination import CanLostError, listen
from jkbridge.logger import Log
from jkbridge.loop import ManualClock, Wake
from jkcore import log as levels

EXIT_FAULT = 1
EXIT_PORT = 2
_OF_THE_BUS = ("no_bitrate", "foreign_bitrate")
"""Adapters that opened well, but at no bit rate of JK's: the bus is what is wrong."""
_PAUSE_MS = 1000
"""How far the clock of a log may go in one step where nothing is in it: values still grow old in time."""


def examine(
    args: argparse.Namespace, config: dict[str, Any], log: Log, console: Console, alone: bool
) -> report.Outcome:
    """Examine one CAN bus of the configuration. 0: healthy; 1: a fault; 2: the adapter cannot be used. alone: nothing
    else is examined, so the configuration that fits is told at once."""
    name = config["port"]
    if not args.as_json:
        console.print(f"Examining {name}.", highlight=False, markup=False)
    listener: Any = log if log.level < levels.INFO else lambda level, text: None
    progress: Any = report.Quiet() if args.as_json else report.Shown(console)
    try:
        heard = _heard(config, args.seconds, progress, listener)
    except CanLostError as e:
        told = report.Told(e.word, str(e).removesuffix("."), "", False)
        if not args.as_json:
            report.tell(console, [], [told], "")
        code = EXIT_FAULT if e.word in _OF_THE_BUS else EXIT_PORT
        return report.Outcome(code, report.facts({"port": name}, [told], {"packs": []}, None))
    finally:
        progress.end()
    told_all = can_findings.judge(heard, [] if config["scan"] else config["packs"])
    packs = can_findings.pack_facts(heard)
    bus = propose(config, heard, packs)
    verdict = told_all[0].text
    if not args.as_json:
        report.tell(console, packs, told_all, proposal.toml(bus, verdict) if bus is not None and alone else "")
    counted = report.facts({"port": name}, told_all, facts(heard) | {"packs": packs}, bus)
    # What a log says is of another time than what is heard on another bus now.
    live = () if config["interface"] == FILE else tuple(heard.bus.packs)
    return report.Outcome(0 if told_all[0].healthy else EXIT_FAULT, counted, bus, verdict, live)


def _heard(config: dict[str, Any], seconds: float, progress: Any, log: Any) -> can_findings.Heard:
    if config["interface"] == FILE:  # all of it, on its own clock
        try:
            frames = can_log.read(config["channel"]).frames
        except can_log.CanLogError as error:
            raise CanLostError("file_unreadable", str(error)) from None
        except OSError as error:
            raise CanLostError("file_unreadable", f"{config['channel']} cannot be read: {error.strerror}") from None
        if not frames:
            raise CanLostError("file_unreadable", f"{config['channel']} holds no frame of CAN")
        clock = ManualClock()
        port = CanReplayPort(frames, clock)
        length = (frames[-1].at + 100) / 1000

        def pause(ms: int) -> None:
            clock.advance(max(ms, min(port.until_next() or 0, _PAUSE_MS)))

        heard = listen(config, port, clock, pause, progress, length, log, whole=True)
        heard.trouble = can_errors.trouble(FILE, config["channel"], heard.state, 0, True)
        return heard
    wake = Wake()
    # Never more than listening, whatever the configuration allows the bridge.
    live = CanPort(config["interface"], config["channel"], config["bitrate"], log, wake, listen_only=True)
    return listen(config, live, now_ms, wake.wait, progress, seconds, log)


def propose(config: dict[str, Any], heard: can_findings.Heard, packs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The keys of [bus] that fit; None where no pack was heard and no other bit rate was found."""
    if not packs and not heard.elsewhere:
        return None
    bus: dict[str, Any] = {"kind": "can", "interface": config["interface"], "channel": config["channel"]}
    if interface_of(config["interface"]).sets_bitrate and (heard.elsewhere or heard.bitrate) in (250_000, 500_000):
        bus["bitrate"] = heard.elsewhere or heard.bitrate
    if not config["listen_only"]:
        bus["listen_only"] = False
    if config["sign"] != "normal":
        bus["sign"] = config["sign"]
    addresses = {pack["address"] for pack in packs}
    if addresses:
        bus["packs"] = sorted(addresses | set([] if config["scan"] else config["packs"]))
    return bus


def facts(heard: can_findings.Heard) -> dict[str, Any]:
    """What was counted, for --json."""
    return {
        "bitrate": heard.bitrate or None,
        "listen_only": heard.listening,
        "phases": [{
            "phase": "listening", "seconds": round(heard.seconds, 1), "frames": int(heard.bus.frames),
            "errors": heard.errors, "rejected": sum(heard.bus.rejects), "orders": int(heard.bus.orders),
            "others": dict(heard.strangers.most_common(20)),
        }],
    }  # fmt: skip
