"""`jkbridge run`: puts configuration, bridge, ports and MQTT session together and turns the loop until told to stop."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

from jkbridge.clock import now_ms
from jkbridge.logger import Log
from jkbridge.loop import EXIT_HUNG, Loop, Port, Wake, Watchdog
from jkbridge.mqtt import Session
from jkbridge.ports import SerialPort
from jkbridge.settings import Settings, polled
from jkbridge.watch import PlainReport, Watch, bus_name
from jkcore import log as levels
from jkcore.bridge import Bridge
from jkcore.version import VERSION

_SUMMARY_EVERY = 60.0
_FAREWELL_S = 3.0
"""Seconds the offline messages may take at the end."""
_ONE_SIGNAL_S = 0.3
"""Signals that come this close are one: `timeout` and some service managers tell the process and its group."""


class Runner:
    """One run of the bridge. `main` is what the command line calls; tests use start(), spin() and finish()."""

    def __init__(self, settings: Settings, log: Log, table: bool = True) -> None:
        self.settings = settings
        self.log = log
        self.wake = Wake()
        self._want_table = table
        self._stop = False
        self._signalled: float | None = None  # time of the first signal, s
        self._broker: Any = None
        self._simulated: Any = None
        self._capture: Any = None
        self._table: Any = None
        self._plain: PlainReport | None = None
        self._counted = (0, 0)
        self.failure = ""
        """Why the bridge had to stop; a sentence."""

    def start(self) -> None:
        """Build everything and begin. Raises ConfigError, BrokerUnavailableError or OSError, all with a sentence."""
        config = self.settings.config
        log = self.log
        log(
            levels.INFO,
            f"jkbridge {VERSION}, configuration: {self.settings.file or 'no file, defaults and flags'}.",
        )
        if not config["bus"][0]["port"]:  # then it is the only one
            self._simulate(config["bus"][0])
        mqtt = dict(config["mqtt"])
        if not mqtt["host"]:
            self._embed(mqtt)
        instance = os.urandom(4).hex()
        self.bridge = Bridge(config, log, instance.encode(), f"CPython {platform.python_version()}", sys.platform)
        self.session = Session(mqtt, self.bridge, f"jkbridge-{instance}", log, self.wake)
        self.ports = [self._port(b.config) for b in self.bridge.buses]
        for bus in config["bus"]:
            name = f" ({bus['name']})" if bus["name"] else ""
            first = 0 if bus["kind"] == "can" else 1
            ids = f", ids {bus['prefix']}{first} and so on" if bus["prefix"] else ""
            log(
                levels.INFO,
                f"Packs {polled(bus)} on {bus['port']}{name}{_speed(bus)}, each every {config['interval']} s{ids}.",
            )
        self.watch = Watch(self.bridge, config["base"]) if self._want_table else None
        self.loop = Loop(self.bridge, self._recorded(config, instance), self.session, self.watch)
        self._present(mqtt)
        self.watchdog = Watchdog(self.loop, self._last_words, lambda: self.session.close(False))
        for port in self.ports:
            port.start()
        self.session.start()
        self.watchdog.start()
        self._summary_at = time.monotonic() + _SUMMARY_EVERY
        self._plain_at = 0.0

    def _port(self, bus: dict[str, Any]) -> Any:
        """The port of a bus, not opened yet; bus: its configuration."""
        if bus["kind"] != "can":
            return SerialPort(bus["port"], bus["baud"], self.log, self.wake)
        from jkbridge.can_feed import CanLine

        return CanLine(
            bus["interface"], bus["channel"], bus["bitrate"], self.log, self.wake,
            listen_only=bus["listen_only"], probe=bus["probe"],
        )

    def _recorded(self, config: dict[str, Any], session: str) -> Sequence[Port]:
        """The ports as the loop sees them: what goes through them is recorded where that is wanted."""
        if not config["capture"]:
            return self.ports
        from jkbridge.capture import Capture

        self._capture = Capture(config, session, self.log)
        return list(self._capture.ports(self.ports))

    def spin(self) -> None:
        """Turn the loop until stop()."""
        while not self._stop:
            now = self.loop.turn(now_ms())
            for bus, port in zip(self.bridge.buses, self.ports, strict=True):
                if bus.poller is None:
                    port.measure(bus)
            self._report()
            self.wake.wait(self.loop.rest_ms(now))

    def stop(self) -> None:
        """Let spin() return; may be called from a signal handler."""
        self._stop = True
        self.wake()

    def finish(self) -> None:
        """Say offline, go politely, give everything back."""
        if self._table is not None:
            self._table.stop()
            self.log.sink = None
        if self.failure:
            self.log(levels.FATAL, self.failure)
        self.bridge.stop(now_ms())
        end = time.monotonic() + _FAREWELL_S
        while self.session.online and time.monotonic() < end:
            self.loop.turn(now_ms())
            if self.loop.drained:
                break
            self.wake.wait(20)
        self.session.close(True)
        self.watchdog.stop()
        for port in self.ports:
            port.stop()  # all of them first: one that hangs keeps the others from nothing
        for port in self.ports:
            port.close()
        self._clean()
        self.log(levels.INFO, "Ended.")

    def _clean(self) -> None:
        if self._capture is not None:
            self._capture.close()
        for helper in (self._broker, self._simulated):
            if helper is not None:
                with contextlib.suppress(Exception):
                    helper.stop()

    # --- nothing configured

    def _simulate(self, bus: dict[str, Any]) -> None:
        from jkbridge.demo import SimulatedBus

        if bus["scan"]:
            bus["packs"] = [1, 2]
            bus["scan"] = False
        self._simulated = SimulatedBus(bus["packs"], led=bus["role"] == "listen")
        self._simulated.start()
        bus["port"] = self._simulated.port
        bus["name"] = bus["name"] or "simulated"
        count = len(bus["packs"])
        self.log(
            levels.WARNING,
            f"No bus.port is configured: {count} simulated pack{'s' if count != 1 else ''} on {bus['port']}. "
            "For real ones: --port /dev/ttyUSB0",
        )

    def _embed(self, mqtt: dict[str, Any]) -> None:
        from jkbridge.broker import EmbeddedBroker

        broker = EmbeddedBroker()
        broker.start()
        self._broker = broker
        mqtt["host"], mqtt["port"] = broker.host, broker.port
        taken = ""
        if broker.port != broker.wanted_port:
            taken = (
                f" (port {broker.wanted_port} is taken; if that is your broker, use it: "
                f"--broker {broker.host}:{broker.wanted_port})"
            )
        self.log(
            levels.WARNING,
            f"No mqtt.host is configured: embedded broker on {broker.host}:{broker.port}{taken}.",
        )

    # --- what people see

    def _present(self, mqtt: dict[str, Any]) -> None:
        if self.watch is None:
            return
        from jkbridge.mqtt_errors import place

        base = self.settings.config["base"]
        auth = " -u ... -P ..." if mqtt["user"] else ""
        tls = f" --cafile {mqtt['ca']}" if mqtt["ca"] else ""
        subscribe = f"mosquitto_sub -h {mqtt['host']} -p {mqtt['port']}{auth}{tls} -t '{base}/#' -v"
        where = f"{'embedded ' if self._broker else ''}{place(mqtt)}"
        if not sys.stdout.isatty():
            self._plain = PlainReport(self.watch, lambda line: self.log(levels.INFO, line))
            self.log(levels.INFO, f"Watch it: {subscribe}")
            return

        def status() -> tuple[list[str], str]:
            up = f"connected, {self.session.published} published" if self.session.online else "not connected"
            return [_line_of(bus) for bus in self.bridge.buses], f"{where}, {up}"

        from jkbridge.table import LiveTable

        buses = self.settings.config["bus"]
        on = buses[0]["port"] if len(buses) == 1 else f"{len(buses)} buses"
        kind = "simulated packs" if self._simulated else f"packs on {on}"
        self._table = LiveTable(self.watch, status, subscribe, f"jkbridge {VERSION}: {kind}")
        if sys.stderr.isatty():  # else the lines go where the user sent them
            self.log.sink = self._table.log
        self._table.start()

    def _report(self) -> None:
        now = time.monotonic()
        if self._broker is not None and not self.failure and (why := self._broker.ended()):
            self.failure = (
                f"The embedded MQTT broker has ended ({why}), and the bridge ends with it: start it again, or use a "
                "broker of your own (--broker 192.168.1.10)."
            )
            self.stop()
        if self._plain is not None and now >= self._plain_at:
            self._plain_at = now + 1
            self._plain.update()
        if now >= self._summary_at:
            self._summary_at = now + _SUMMARY_EVERY
            self._summary()

    def _summary(self) -> None:
        packs = self.bridge.packs
        online = sum(1 for pack in packs if pack.online)
        buses = self.bridge.buses
        bus = f"{len(buses)} buses" if len(buses) > 1 else _counts(buses[0])
        sent, frames = self.loop.sent, sum(b.frames for b in self.bridge.buses)
        state = "connected" if self.session.online else "not connected"
        last_sent, last_frames = self._counted
        self._counted = (sent, frames)
        self.log(
            levels.INFO,
            f"{online} of {len(packs)} packs online; in a minute {frames - last_frames} frames, "
            f"{sent - last_sent} messages; in all {bus}; MQTT {state}, "
            f"{self.session.reconnects} reconnects; longest loop gap {self.loop.gap_ms} ms{self._losses()}"
            f"{self._plain.summary() if self._plain is not None else ''}.",
        )
        for one in buses if len(buses) > 1 else ():
            mine = [pack for pack in one.packs if pack in packs]
            online = sum(1 for pack in mine if pack.online)
            self.log(
                levels.INFO,
                f"Bus {bus_name(one)}: {online} of {len(mine)} packs online, {_state(one)}, in all {_counts(one)}.",
            )

    def _losses(self) -> str:
        lost = sum(port.reopened for port in self.ports)
        dropped = sum(port.dropped for port in self.ports)
        return f"; line lost {lost} times, {dropped} pieces of it dropped" if lost or dropped else ""

    def _last_words(self, level: int, text: str) -> None:
        """What the watchdog says goes to the terminal itself: no table will be drawn any more."""
        self._quit_table()
        self.log(level, text)

    def _quit_table(self) -> None:
        """Give the terminal back at once, whatever hangs."""
        if self._table is not None:
            self._table.abandon()
            self._table = None
        self.log.sink = None

    # --- signals and threads

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The first one ends politely, a second one at once."""
        now = time.monotonic()
        if self._signalled is None:
            self._signalled = now
            self.stop()
        elif now - self._signalled > _ONE_SIGNAL_S:
            raise KeyboardInterrupt

    def on_thread_error(self, args: threading.ExceptHookArgs) -> None:
        """A helper thread that dies would leave a bridge that only looks alive: end it instead.

        Only the display may fail (a terminal that went away): the bridge goes on without it.
        """
        table = self._table
        self._quit_table()
        if table is not None and table.owns(args.thread):
            self.log(levels.WARNING, f"The live table cannot be drawn ({args.exc_value!r}): going on without it.")
            return
        where = args.thread.name if args.thread is not None else "?"
        self.log(levels.FATAL, f"Thread {where} failed: {args.exc_value!r}. The bridge ends; please report this.")
        _print_trace(args.exc_type, args.exc_value, args.exc_traceback)
        self.session.close(False)
        os._exit(EXIT_HUNG)


def main(settings: Settings, log: Log, table: bool = True) -> int:
    """Run the bridge until a signal ends it. 0 then; 1 when it failed."""
    runner = Runner(settings, log, table)
    # Before anything else: Python may lose a KeyboardInterrupt that comes while modules are loaded.
    before = {number: signal.signal(number, runner.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _run(runner, log)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(runner: Runner, log: Log) -> int:
    """Start it, turn the loop, end it."""
    from jkbridge.broker import BrokerUnavailableError

    try:
        runner.start()
    except (BrokerUnavailableError, OSError) as e:
        runner._clean()
        log(levels.FATAL, str(e))
        return 1
    except BaseException:
        runner._clean()
        raise
    hook = threading.excepthook
    threading.excepthook = runner.on_thread_error
    try:
        runner.spin()
        runner.finish()
    except KeyboardInterrupt:
        raise
    except Exception as e:
        # A bug: the broker must hear "offline" (the will), the user a way to report it.
        runner._quit_table()
        log(levels.FATAL, f"The bridge failed: {e!r}. Please report this with the lines below.")
        _print_trace(type(e), e, e.__traceback__)
        runner.session.close(False)
        runner._clean()
        return 1
    finally:
        threading.excepthook = hook
    return 1 if runner.failure else 0


def _counts(bus: Any) -> str:
    rejected = sum(bus.rejects)
    if bus.poller is None:
        return f"{bus.frames} frames, {rejected} others"
    return f"{bus.frames} frames, {rejected} rejected pieces, {bus.garbage} stray bytes"


def _state(bus: Any) -> str:
    """What a bus does now, in few words."""
    if not bus.is_open:
        return f"closed: {bus.reason}"
    if bus.poller is None:
        return str(bus.evidence.verdict or f"CAN, {bus.state()}")
    return f"role {bus.role()}, {bus.state()}"


def _line_of(bus: Any) -> str:
    """A bus for the live table."""
    name = f"{bus.config['name']}: " if bus.config["name"] else ""
    return f"{name}{bus.config['port']}{_speed(bus.config)}, {_state(bus)}, {_counts(bus)}"


def _speed(bus: dict[str, Any]) -> str:
    """How fast a bus is configured to be, for a sentence."""
    if bus["kind"] != "can":
        return f" at {bus['baud']} baud"
    return f" at {bus['bitrate'] // 1000} kbit/s" if bus["bitrate"] else ""


def _print_trace(kind: type[BaseException], value: BaseException | None, trace: TracebackType | None) -> None:
    with contextlib.suppress(OSError, ValueError):
        traceback.print_exception(kind, value, trace, file=sys.stderr)
