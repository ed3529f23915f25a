"""The command line: `jkbridge run | doctor | get | set | ... | simulate | decode | replay | bundle | config`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from jkbridge import settings
from jkbridge.logger import Log
from jkcore import config as schema
from jkcore import log as levels
from jkcore.config import ConfigError
from jkcore.version import VERSION

# What is in change/command.py; its modules are loaded for these commands only.
_CHANGE = {
    "get": "show the settings of packs",
    "set": "change settings of a pack",
    "backup": "save the settings of a pack as a file",
    "diff": "show what differs between two packs, or a pack and a backup",
    "restore": "bring settings from a backup to a pack",
    "unlock": "let a running bridge take changes for some minutes",
}

_DESCRIPTION = """\
jkbridge reads JK (Jikong) PB batteries on RS485 and CAN and puts them on MQTT for Home Assistant and anyone else.
"""
_EPILOG = """\
examples:
  jkbridge run                                         two simulated packs, a broker inside, a live table
  jkbridge run --port /dev/ttyUSB0 --broker 192.168.1.10 --packs 1-4
  jkbridge run --port tcp://192.168.1.20:8899          RS485-to-Ethernet gateway in transparent mode
  jkbridge doctor                                      what is wrong with the bus, and what to change
  jkbridge get 1                                       what pack 1 is set to
  jkbridge set 1 balance_switch=ON                     change it: shows, asks, does, reads back
  jkbridge backup 1 > pack1.json                       keep it; diff and restore compare and bring it back
  jkbridge config example > jkbridge.toml              a configuration file to start from
  jkbridge decode recording.hex                        JK frames as JSON, one per line
  jkbridge replay recording.hex --print                what the bridge would publish
  jkbridge run --capture bus.txt                       record the bus, for a bug report
  jkbridge bundle --capture bus.txt                    and pack it with all that helps, without secrets

Every configuration key may also stand in the environment: JKBRIDGE_MQTT_HOST, JKBRIDGE_BUS_PORT,
JKBRIDGE_INTERVAL. Flags win over the environment, the environment over the file. `jkbridge COMMAND --help`
tells more.
"""

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _UsageError(Exception):
    """A command line that cannot be understood; the text is a sentence."""


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser. Only the sub-command in use gets its options: the others' modules are not worth loading."""
    parser = argparse.ArgumentParser(
        prog="jkbridge",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"jkbridge {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    run = commands.add_parser("run", help="run the bridge", description="Run the bridge until Ctrl-C or SIGTERM.")
    _config_arguments(run)
    run.add_argument("--capture", metavar="FILE", help="record the bytes of the bus, without secrets, for a bug report")
    run.add_argument("--capture-size", metavar="MB", help="rename a full file to FILE.1, .2, ... (10)")
    run.add_argument("--capture-files", metavar="N", help="keep so many files (3)")
    run.add_argument("--no-table", action="store_true", help="log lines only, no table or pack lines")

    simulate = commands.add_parser("simulate", help="simulated packs on a serial or TCP port")
    decode = commands.add_parser("decode", help="print recorded JK frames as JSON")
    examine = commands.add_parser(
        "doctor",
        help="find out what is wrong with the bus, or that nothing is",
        description="Listen on the bus, ask where that is safe, say what is wrong and what to change. Without --port "
        "the ports of this machine are listed, and the only likely one is examined. Exit code 0: healthy, 1: a fault, "
        "2: the port or the command line cannot be used.",
    )
    replay = commands.add_parser(
        "replay",
        help="run a recording through the bridge to MQTT",
        description="Run a recording through the whole bridge to MQTT, as if it came from the wire.",
    )
    bundle = commands.add_parser(
        "bundle",
        help="pack a zip for a bug report, without secrets",
        description="Pack recordings, configuration, versions and counters into a zip, without secrets.",
    )
    changing = {name: commands.add_parser(name, help=text) for name, text in _CHANGE.items()}
    if command in changing:
        from jkbridge.change import command as change

        change.add_arguments(command, changing[command])
        _config_arguments(changing[command])
    elif command == "simulate":
        from jkbridge.simulator import command as simulator

        simulator.add_arguments(simulate)
    elif command == "decode":
        from jkbridge import decode as decoder

        decoder.add_arguments(decode)
    elif command == "doctor":
        from jkbridge.doctor import command as doctor

        doctor.add_arguments(examine)
        _config_arguments(examine)
    elif command == "replay":
        from jkbridge import replay as replayer

        replayer.add_arguments(replay)
        _config_arguments(replay)
    elif command == "bundle":
        from jkbridge import bundle as bundler

        bundler.add_arguments(bundle)
        _config_arguments(bundle)

    config = commands.add_parser("config", help="check or show the configuration, or print an example file")
    actions = config.add_subparsers(dest="action", metavar="check|show|example", required=True)
    for name, text in (
        ("check", "say whether the configuration can be used"),
        ("show", "print the configuration in force, without secrets, and where each key was set"),
        ("example", "print a commented configuration file with every key"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name != "example":
            _config_arguments(action)
    return parser


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line. SystemExit, as argparse has it, for --help and for what cannot be understood."""
    parser = _parser(next((word for word in words if not word.startswith("-")), None))
    args = parser.parse_args(words)
    if args.command is None:
        parser.error("a COMMAND is missing: run, doctor, get, set, backup, diff, restore, unlock, simulate, decode, "
                     "replay, bundle or config")  # fmt: skip
    return args


def _config_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("configuration")
    group.add_argument("--config", metavar="FILE", help="TOML or JSON file; default: the first that exists of "
                       + ", ".join(str(path) for path in settings.search_path()))  # fmt: skip
    group.add_argument("--port", metavar="PORT", help="serial device, tcp://host:port, socket:// or rfc2217:// URL")
    group.add_argument("--baud", metavar="N", help="speed of the line (115200)")
    group.add_argument("--packs", metavar="LIST", help='addresses of the packs, such as "1-4,7"')
    group.add_argument("--interval", metavar="S", help="seconds between two live readings of one pack")
    group.add_argument("--broker", metavar="HOST[:PORT]", help="MQTT broker")
    group.add_argument(
        "--user", metavar="NAME", help="user at the broker (the password: JKBRIDGE_MQTT_PASSWORD or file)"
    )
    group.add_argument("--tls", action="store_true", default=None, help="encrypt, and verify the broker's certificate")
    group.add_argument("--ca", metavar="FILE", help="CA certificate that signed the broker's")
    group.add_argument("--base", metavar="WORD", help="first part of every topic (jkbms)")
    group.add_argument("--log", metavar="LEVEL", help="trace, debug, info, warning, error or fatal (info)")
    group.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="settings",
                       help="any other key, such as --set mqtt.keepalive=30; may be repeated")  # fmt: skip


_FLAGS = {
    "port": "bus.port",
    "baud": "bus.baud",
    "packs": "bus.packs",
    "interval": "interval",
    "user": "mqtt.user",
    "tls": "mqtt.tls",
    "ca": "mqtt.ca",
    "base": "base",
    "log": "log",
    "capture": "capture",
    "capture_size": "capture_size",
    "capture_files": "capture_files",
}


def flags(args: argparse.Namespace) -> dict[str, Any]:
    """What the command line sets, as dotted key -> value. Raises _UsageError."""
    out: dict[str, Any] = {}
    for flag, key in _FLAGS.items():
        value = getattr(args, flag, None)  # not every command has all of them
        if value is not None:
            out[key] = value
    if args.broker is not None:
        host, port = _host_port(args.broker)
        out["mqtt.host"] = host
        if port:
            out["mqtt.port"] = port
    keys = [row[0] for row in schema.rows()]
    for text in args.settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise _UsageError(f"--set {text}: the value is missing. Example: --set mqtt.keepalive=30")
        if key.startswith("pack."):
            raise _UsageError(f"--set {key}: packs are described in the configuration file alone, as [[pack]].")
        if key not in keys:
            near = min(keys, key=lambda known: schema.distance(key, known))
            raise _UsageError(
                f"--set {key}: there is no such key; the nearest is {near}. Example: --set mqtt.keepalive=30"
            )
        out[key] = value
    return out


def _host_port(text: str) -> tuple[str, str]:
    """host, host:port, [v6]:port or a bare IPv6 address; "" is no broker, as if it had not been named."""
    if "/" in text:
        raise _UsageError(
            f'--broker "{text}": a name or address is wanted, with its port if it is another, and --tls for TLS. '
            "Example: --broker 192.168.1.10:1883"
        )
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not host or not bracket or colon not in ("", ":"):
            raise _UsageError(f'--broker "{text}" is not understood. Example: --broker [2001:db8::1]:1883')
    else:
        host, colon, port = text.rpartition(":")
        if not colon or ":" in host:
            return text, ""
    if not host:
        raise _UsageError(f'--broker "{text}": the name of the broker is missing. Example: --broker 192.168.1.10:1883')
    if colon and not (port.isdecimal() and port.isascii()):
        raise _UsageError(f'--broker "{text}": the port must be a number. Example: --broker 192.168.1.10:1883')
    return host, port


def _config(args: argparse.Namespace) -> int:
    if args.action == "example":
        sys.stdout.write(settings.example())
        return 0
    loaded = settings.load(args.config, flags=flags(args))
    if args.action == "show":
        sys.stdout.write(settings.show(loaded))
        return 0
    mqtt = loaded.config["mqtt"]
    if mqtt["tls"]:
        from jkbridge.tls import tls_context

        tls_context(mqtt)
    broker = f"{mqtt['host']}:{mqtt['port']}" if mqtt["host"] else "embedded broker"
    print(f"The configuration can be used ({loaded.file or 'no file found: defaults, environment and flags'}).")
    for bus in loaded.config["bus"]:
        name = f"{bus['name']}: " if bus["name"] else ""
        first = 0 if bus["kind"] == "can" else 1
        ids = f", ids {bus['prefix']}{first} and so on" if bus["prefix"] else ""
        every = f"every {loaded.config['interval']} s, {settings.manner(bus)}"
        print(f"  bus    {name}{bus['port'] or 'simulated'}, packs {settings.polled(bus)}{ids}, {every}")
    for pack in loaded.config["pack"]:
        if pack["pair"]:
            print(f"  pack   {pack['id']}: address {pack['rs485']} on RS485 and {pack['can']} on CAN are one battery")
    print(f"  MQTT   {broker}, base {loaded.config['base']}")
    return 0


def _bundle(args: argparse.Namespace) -> int:
    from jkbridge import bundle

    try:
        loaded = settings.load(args.config, flags=flags(args))
    except ConfigError as e:  # that may be the very bug
        return bundle.main(args, None, f"The configuration cannot be used: {e}\n")
    return bundle.main(args, loaded, "")


def _dispatch(args: argparse.Namespace) -> int:
    if args.command == "simulate":
        from jkbridge.simulator import command as simulator

        return int(simulator.main(args))
    if args.command == "decode":
        from jkbridge import decode as decoder

        return int(decoder.main(args))
    if args.command == "config":
        return _config(args)
    if args.command == "bundle":
        return _bundle(args)
    loaded = settings.load(args.config, flags=flags(args))
    if args.command in _CHANGE:
        from jkbridge.change import command as change

        return change.main(args, loaded)
    log = Log(levels.level_of(loaded.config["log"]))
    if args.command == "doctor":
        from jkbridge.doctor import command as doctor

        return doctor.main(args, loaded, log)
    if args.command == "replay":
        from jkbridge import replay

        if not args.print_only and not loaded.config["mqtt"]["host"]:
            raise _UsageError(
                "replay needs a broker: --broker 192.168.1.10, or mqtt.host in the configuration; or --print."
            )
        return replay.main(args, loaded.config, "bus.packs" in loaded.sources, log)
    from jkbridge import run

    return run.main(loaded, log, table=not args.no_table)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: it failed; 2: the command line or the configuration cannot be used."""
    words = list(sys.argv[1:] if argv is None else argv)
    _ready_streams()
    try:
        code = _dispatch(parse(words or ["--help"]))
        sys.stdout.flush()
        return code
    except SystemExit as e:  # argparse, after --help, --version or a usage error
        return e.code if isinstance(e.code, int) else EXIT_USAGE
    except (ConfigError, _UsageError) as e:
        text = "".join(c if c.isprintable() else "?" for c in str(e))  # a value may hold what moves the cursor
        print(f"jkbridge: {text}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        _mute()
        return EXIT_FAILURE
    except OSError as e:  # those of ports and files have been told where they come from
        if e.filename is not None or e.errno not in _UNWRITABLE:
            raise
        _mute()
        with contextlib.suppress(OSError):
            print(f"jkbridge: the output cannot be written: {e.strerror}.", file=sys.stderr)
        return EXIT_FAILURE


def _ready_streams() -> None:
    """Put something in the place of standard streams that were closed by whoever started us (`>&-`): the next file or
    port to be opened would become our output. A terminal that lacks a letter of a name gets a ? for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _mute() -> None:
    """Send the rest of the output nowhere: Python would complain once more at its end about what cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
