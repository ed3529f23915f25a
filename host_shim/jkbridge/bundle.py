"""`jkbridge bundle`: one zip for a bug report, with what helps and without what is secret.

In it: recordings (masked once more, whoever made them), the configuration without secrets, versions, serial ports, and
what bridge and packs say of themselves at the broker. Before anything is written all of it is searched for the secrets
known here: user and password of the broker, and whatever stands in the secret fields of about frames of the recordings.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
import time
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jkbridge import can_capture, can_decode, can_link, can_log, port_errors, recording, scrub
from jkbridge.bundle_topics import heard
from jkbridge.capture import path_of, rotated
from jkbridge.settings import Settings, show
from jkcore.version import VERSION

_LIBRARIES = ("pyserial", "paho-mqtt", "rich", "amqtt", "python-can")
_MOST_BUSES = 16
_MOST_FILES = 100
_README = """\
This is a bug report bundle of jkbridge {version}, made {when}.

versions.txt   versions of jkbridge, Python, operating system and libraries
config.txt     the configuration in force and where each key was set; user, password and key files are masked (***)
ports.txt      the serial ports and CAN interfaces of the machine
topics.txt     what the bridge and its packs said of themselves at the broker (info, health, link, about)
capture/       recordings of the bus: jkbridge replay FILE --print, jkbridge decode FILE

Passwords, serial numbers, device names and user texts of the batteries are masked with 2A (*) in the recordings; texts
that belong to no JK frame keep their shape only (0 for digits, x for letters). On CAN only JK's frames keep their data.
Addresses and names of machines stay.
The log of the bridge is not in here: please add the lines around the moment it went wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bundle` beside those of the configuration."""
    parser.add_argument(
        "--capture",
        metavar="FILE",
        action="append",
        default=[],
        dest="captures",
        help="recording to put in, with its older files and other buses; may be repeated (default: the key capture)",
    )
    parser.add_argument("--out", metavar="FILE", help="the zip to write (jkbridge-bundle-DATE-TIME.zip)")
    parser.add_argument(
        "--wait", type=_wait, default=11, metavar="S", help="seconds to listen at the broker (11; counters take 10)"
    )


def _wait(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not possible: a number from 0 to 600. Example: --wait 30")
    return value


def main(args: argparse.Namespace, settings: Settings | None, trouble: str) -> int:
    """Make the bundle. settings: None when they cannot be used, for the reason `trouble`. 1: a file cannot be read or
    written."""
    config = settings.config if settings is not None else None
    out = Path(args.out or time.strftime("jkbridge-bundle-%Y%m%d-%H%M%S.zip"))
    configured = [config["capture"]] if config is not None and config["capture"] else []
    given = [Path(name).expanduser() for name in args.captures]
    for path in given:
        if not path.is_file():
            why = "it is no file" if path.exists() else "there is no such file"
            print(f"jkbridge bundle: {path} cannot be read: {why}.", file=sys.stderr)
            return 1
    if out.is_file() and not zipfile.is_zipfile(out):
        print(f"jkbridge bundle: {out} exists already and is no zip: it is left as it is. Another name: --out FILE",
              file=sys.stderr)  # fmt: skip
        return 1
    paths = list(_with_relatives(given or [Path(name).expanduser() for name in configured]))
    entries = {"versions.txt": _versions(), "config.txt": trouble if settings is None else show(settings)}
    adapters = port_errors.serial_ports() + [f"{name} (CAN)" for name in can_link.interfaces()]
    entries["ports.txt"] = "\n".join(adapters or ["none"]) + "\n"
    entries["topics.txt"] = trouble if config is None else _topics(config, args.wait)
    try:
        contents = [recording.plain(path.read_bytes()) for path in paths]
    except OSError as e:
        print(f"jkbridge bundle: {e.filename} cannot be read: {e.strerror}.", file=sys.stderr)
        return 1
    secrets = scrub.Secrets(config, contents)
    names = _distinct(paths)
    for name, path, content in zip(names, paths, contents, strict=True):
        print(f"Masking {name} ({len(content) // 1000 + 1} kB) ...", flush=True)
        entries[f"capture/{name}"] = _masked(path, content, secrets)
    entries = {name: secrets.removed(text) for name, text in entries.items()}
    when = time.strftime("%Y-%m-%d %H:%M:%S %z")
    entries = {"README.txt": _README.format(version=VERSION, when=when), **entries}
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in entries.items():
                archive.writestr(name, text)
    except OSError as e:
        print(f"jkbridge bundle: {out} cannot be written: {e.strerror}. Another place: --out FILE", file=sys.stderr)
        return 1
    _report(out, entries, bool(paths), secrets)
    return 0


def _report(out: Path, entries: dict[str, str], captured: bool, secrets: scrub.Secrets) -> None:
    print(f"{out} holds:")
    for name, text in entries.items():
        print(f"  {name} ({len(text) // 1000 + 1} kB)")
    if secrets.found:
        print(f"Secrets were found in it and masked at {secrets.found} places.")
    for text in secrets.not_searched:
        print(f'"{text}" is too common a word to be searched for: look yourself whether it may be seen.')
    if not captured:
        print("There is no recording in it. To make one: jkbridge run --capture bus.txt, until it has gone wrong.")
    print(
        "Look into it, then attach it to your report, with the lines of the log around the moment it went wrong and a "
        "sentence on what you expected."
    )


def _with_relatives(paths: Iterable[Path]) -> Iterable[Path]:
    """Each recording with its older files, and those of the other buses."""
    seen: set[Path] = set()
    for first in paths:
        for bus in range(1, _MOST_BUSES + 1):
            for n in range(_MOST_FILES):
                path = rotated(path_of(first, bus), n)
                if path.is_file() and path not in seen:
                    seen.add(path)
                    yield path


def _masked(path: Path, content: bytes, secrets: scrub.Secrets) -> str:
    """A recording of RS485 or of CAN as text that may be shown."""
    if not can_decode.is_log(path.name, content):
        return scrub.masked(content, secrets)
    try:
        log = can_log.read(path)
    except can_log.CanLogError as error:
        return f"# {error}\n"
    own = content[:2000].splitlines(keepends=True)[:3] if recording.origin(content) else []
    return can_capture.masked(log.frames, b"".join(own).decode("utf-8", "replace"))


def _distinct(paths: Sequence[Path]) -> list[str]:
    """Names in the zip: those of the files, with a number in front where two have the same."""
    names: list[str] = []
    for path in paths:
        name = path.name
        n = 2
        while name in names:
            name = f"{n}-{path.name}"
            n += 1
        names.append(name)
    return names


def _versions() -> str:
    lines = [f"jkbridge {VERSION}", f"Python {sys.version}", f"system {platform.platform()}"]
    for name in _LIBRARIES:
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} not installed")
    return "\n".join(lines) + "\n"


def _topics(config: dict[str, Any], wait: float) -> str:
    mqtt = config["mqtt"]
    if not mqtt["host"]:
        return "No broker is configured (mqtt.host), so nothing was asked there.\n"
    print(f"Listening at the broker {mqtt['host']} for up to {wait:g} s ...", flush=True)
    messages, trouble = heard(mqtt, config["base"], wait)
    lines = [f"{topic}{' (retained)' if kept else ''} {payload}" for topic, (payload, kept) in sorted(messages.items())]
    if trouble:
        print(trouble, flush=True)
        lines.append(trouble)
    elif not messages:
        lines.append(f"Nothing was published below {config['base']}/: is the bridge running, with this base?")
    return "\n".join(lines) + "\n"
