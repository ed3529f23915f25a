"""`python -m device COMMAND`, as the Makefile calls it."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys

from device import DeviceError, say


def repl(port: str) -> int:
    """mpremote's terminal on the device."""
    from device import ports

    port = ports.choose(port)
    ports.check(port)
    say(
        f"MicroPython's prompt on the device at {port}. Ctrl-C stops its program and shows >>>, Ctrl-D starts it "
        "again, Ctrl-] ends. Where the board has a watchdog, it restarts the device some time after that."
    )
    return subprocess.run([sys.executable, "-m", "mpremote", "connect", port, "resume", "repl"]).returncode


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("flash", "deploy", "config", "repl", "log", "boards"):
        command = commands.add_parser(name)
        if name != "boards":
            command.add_argument("--port", default="", help="serial port of the device; the only adapter if left out")
        if name in ("flash", "deploy", "config"):
            command.add_argument("--board", default="", help="a file of boards/, without .py")
    commands.choices["flash"].add_argument("--firmware", default="", help="MicroPython's .bin for the chip")
    commands.choices["flash"].add_argument("--erase", action="store_true", help="erase everything on the chip first")
    commands.choices["deploy"].add_argument("--one-slot", action="store_true", help="replace the release that runs")
    commands.choices["config"].add_argument("--file", default="", help="a config.json to send instead of questions")
    given = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal need not know an umlaut, or what a board in boot says
    try:
        return _run(given)
    except DeviceError as error:
        print(f"make {'device-log' if given.command == 'log' else given.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read it has ended: head, or tee by the same Ctrl-C
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        text = "Interrupted. What was installed before is still there; if the device is silent, press its reset button."
        print("\n" + text, file=sys.stderr)
        return 130


def _run(given: argparse.Namespace) -> int:
    # Each command imports its own: esptool and mpremote are not needed for all.
    if given.command == "boards":
        from device import boards

        boards.table()
    elif given.command == "flash":
        from device.flash import flash

        flash(given.board, given.port, given.firmware, given.erase)
    elif given.command == "deploy":
        from device.deploy import deploy

        deploy(given.board, given.port, given.one_slot)
    elif given.command == "config":
        from device.config import configure

        configure(given.board, given.port, given.file)
    elif given.command == "log":
        from device.log import follow

        follow(given.port)
    else:
        return repl(given.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
