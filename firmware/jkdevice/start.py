"""From config.json and board.py to the loop. main.py forgets this module when it has done its work: it is large.

board.py is one of boards/, config.json has the keys of jkcore.config.
"""

import gc
import os
import sys
import time

CONFIG = "config.json"
DISCOVERY_PER_SECOND = 10  # messages; a device has other things to do


def ticks():
    """Milliseconds, wrapping at 30 bits as the core wants them."""
    return time.ticks_ms() & 0x3FFFFFFF


def begin():
    """The loop, ready to run; None when it cannot be made (then the console says why)."""
    try:
        return _build()
    except Exception as error:
        text = _explain(error)
        if text is None:
            print("jkbridge could not start because of an error of its own. Please report this:")
            sys.print_exception(error)
        else:
            print("jkbridge cannot start. " + text)
    return None


def _configuration():
    """config.json, checked and complete, and what of it may be shown."""
    from jkcore import config as checker
    from jkdevice import files

    config = checker.load(files.read_config(CONFIG), "device")
    if config["mqtt"]["tls"]:
        text = "mqtt.tls = true is not possible on a device yet: use a broker without TLS in your own network."
        raise checker.ConfigError(text)
    config["public"] = checker.public(config)
    return config


def _build():
    import board

    from jkcore import log
    from jkcore.shim import forget
    from jkdevice import hardware

    config = _configuration()
    for name in ("config", "config_texts"):
        forget(name)  # before the rest is loaded: they are among the largest
    console = _console(config, log.level_of(config["log"]))
    if board.NETWORK is not None:
        text = "Board " + board.NAME + " needs " + board.NETWORK + ", which this version cannot set up yet."
        raise hardware.BoardError(text)
    gc.collect()
    hardware.power_up(board)
    from umqtt import simple

    from jkcore.bridge import Bridge
    from jkdevice import mqtt as session
    from jkdevice import net
    from jkdevice.loop import Loop

    version = sys.implementation.version
    runtime = "MicroPython " + ".".join([str(number) for number in version[:3]])
    instance = os.urandom(4).hex().encode()
    bridge = Bridge(config, console, instance, runtime, board.NAME, DISCOVERY_PER_SECOND)
    ports = [hardware.open_port(bus, board, console) for bus in bridge.buses]
    if config["capture"]:
        _capture(config["capture"], ports)
    client_id = hardware.client_id(board, instance)
    console(log.INFO, "jkbridge on board " + board.NAME + ", " + runtime + ".")
    link = session.Session(config["mqtt"], bridge, console, ticks, net, simple, client_id)
    return Loop(bridge, ports, link, ticks, time.sleep_ms, hardware.open_watchdog(board))


def _console(config, level):
    from jkdevice.console import Console

    if config["capture"] != "console":
        return Console(level, ticks)
    from jkdevice import capture

    return Console(level, ticks, capture.comments())


def _capture(address, ports):
    """Put a recorder in front of the first RS485 line."""
    from jkdevice import capture
    from jkdevice.hardware import BoardError

    for n in range(len(ports)):
        if ports[n].bus.poller is not None:
            try:
                ports[n] = capture.start(address, ports[n])
            except ValueError as error:
                raise BoardError(str(error))
            return
    text = "capture records RS485 lines, and this device has none: remove it. CAN is recorded on a host, with candump."
    raise BoardError(text)


def _explain(error):
    """A sentence for an exception of _build(), or None for one that should not happen."""
    kind = type(error).__name__
    if kind == "FileError":
        return str(error)
    if kind in ("ConfigError", "BoardError"):
        return CONFIG + ": " + str(error)
    if isinstance(error, ImportError):
        text = str(error)
        if "umqtt" in text:
            return "umqtt.simple is missing: put its folder umqtt beside main.py. tools/fetch_umqtt.py fetches it."
        if "'board'" in text:
            return "board.py is missing: put your board's file from boards/ beside main.py, under this name."
        return "A file of jkbridge is missing (" + text + "): install it again, complete."
    if isinstance(error, MemoryError):
        return "The memory of this board is too small: install the compiled files (.mpy)."
    return None
