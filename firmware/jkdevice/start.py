"""From config.json and board.py to the loop. recovery.py forgets this module when it has done its work: it is large.

board.py is one of boards/, config.json has the keys of jkcore.config.
"""

import gc
import os
import sys
import time

CONFIG = "config.json"
GOOD = "config.good.json"  # the last one that worked, see last_good.py
_FAULTS = ("FileError", "ConfigError", "BoardError", "TlsError")  # of the configuration
DISCOVERY_PER_SECOND = 10  # messages; a device has other things to do


class StartError(Exception):
    """The user has something to do first: a sentence."""


def begin(safe=""):
    """(the loop, ready to run; what is wrong with config.json or ""). safe: a sentence; the loop is one of safe mode.

    With a bad config.json the last good one is used. Where there is none, a device comes up in safe mode, to tell it
    over MQTT, if what config.json says of the network can be used. Raises StartError, and errors of our own.
    """
    try:
        return _build(CONFIG, safe, ""), ""
    except Exception as error:
        problem = _explain(error)
        if not problem:
            raise
        if type(error).__name__ not in _FAULTS:
            raise StartError(problem)
    used = problem + " Until that is put right the last good configuration is used."
    try:
        return _build(GOOD, safe, used), used
    except Exception as error:
        if not _explain(error):
            raise
    # there is none, or it does not fit either
    from jkdevice.recovery import on_device

    if on_device():
        try:
            return _build(CONFIG, (safe + " " + problem).strip(), "", True), problem
        except Exception as error:
            if not _explain(error):
                raise
    raise StartError(problem)


def _configuration(path, network_only):
    """config.json (or the last good one), checked and complete, and what of it may be shown."""
    from jkcore import config as checker
    from jkdevice import files

    raw = files.read_config(path)
    if network_only and isinstance(raw, dict):
        raw = {key: raw[key] for key in ("wifi", "mqtt", "base") if key in raw}
    config = checker.load(raw, "device")
    config["public"] = checker.public(config)
    return config


def _build(path, safe, problem, network_only=False):
    import board

    from jkcore import log
    from jkcore.shim import forget
    from jkdevice import hardware

    config = _configuration(path, network_only)
    config["problem"] = " ".join([text for text in (safe, problem) if text])
    for name in ("config", "config_texts"):
        forget(name)  # before the rest is loaded: they are among the largest
    from jkdevice.console import ticks

    console = _console(config, log.level_of(config["log"]))
    gc.collect()
    hardware.power_up(board)
    tls = _tls(config["mqtt"], console)
    network = hardware.open_network(board, config["wifi"], console, ticks)
    from umqtt import simple

    from jkdevice import mqtt as session
    from jkdevice import net
    from jkdevice.figures import Figures
    from jkdevice.loop import Loop

    version = sys.implementation.version
    runtime = "MicroPython " + ".".join([str(number) for number in version[:3]])
    instance = os.urandom(4).hex().encode()
    if safe:
        from jkdevice.safe_mode import SafeBridge

        bridge = SafeBridge(config, console, instance, runtime, board.NAME, safe)
    else:
        from jkcore.bridge import Bridge

        bridge = Bridge(config, console, instance, runtime, board.NAME, DISCOVERY_PER_SECOND)
    ports = [hardware.open_port(bus, board, console, network) for bus in bridge.buses]
    if config["capture"] and ports:
        _capture(config["capture"], ports, network)
    client_id = hardware.client_id(board, instance)
    console(log.INFO, "jkbridge on board " + board.NAME + ", " + runtime + ".")
    link = session.Session(config["mqtt"], bridge, console, ticks, net, simple, client_id)
    link.tls = tls
    if network is not None:
        link.network = network
        link.lookup = hardware.name_lookup(network, config["mqtt"]["host"])
        if tls is not None:
            tls.lookup = hardware.name_lookup(network, "")  # of the time server
    bridge.machine = Figures(link, hardware.reset_reason())
    loop = Loop(bridge, ports, link, ticks, time.sleep_ms, hardware.open_watchdog(board))
    sys.modules.pop("board", None)  # constants, used once
    return loop


def _tls(config, console):
    """TLS as configured, or None. Raises TlsError."""
    if not config["tls"]:
        return None
    from jkdevice.console import ticks
    from jkdevice.tls import Tls

    return Tls(config, console, ticks)


def _console(config, level):
    from jkdevice.console import Console, ticks

    if config["capture"] != "console":
        return Console(level, ticks)
    from jkdevice import capture

    return Console(level, ticks, capture.comments())


def _capture(address, ports, network=None):
    """Put a recorder in front of the first RS485 line."""
    from jkdevice import capture
    from jkdevice.hardware import BoardError

    for n in range(len(ports)):
        if ports[n].bus.poller is not None:
            try:
                ports[n] = capture.start(address, ports[n], network is not None)
            except ValueError as error:
                raise BoardError(str(error))
            return
    text = "capture records RS485 lines, and this device has none: remove it. CAN is recorded on a host, with candump."
    raise BoardError(text)


def _explain(error):
    """What the user has to do about an exception of _build(), or None for an error of our own."""
    kind = type(error).__name__
    if kind == "FileError":
        return str(error)
    if kind in _FAULTS[1:]:
        return CONFIG + ": " + str(error)
    if isinstance(error, ImportError):
        text = str(error)
        if "umqtt" in text:
            text = "umqtt.simple is missing: `make deploy BOARD=... PORT=...` installs it. By hand: put its folder "
            return text + "umqtt beside main.py; tools/fetch_umqtt.py fetches it."
        if "'board'" in text:
            text = "board.py is missing: `make deploy BOARD=... PORT=...` installs it. By hand: put your board's file "
            return text + "from boards/ beside main.py, under this name."
    return None
