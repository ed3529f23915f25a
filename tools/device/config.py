"""`make config`: config.json of a device, asked in the terminal or from a file; checked before it is written."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from device import DeviceError, boards, certificates, link, ports, release, say
from device.deploy import BOOTS
from device.questions import Interview
from jkcore import config as checker
from jkcore.config_texts import HIDDEN, MASK, split
from jkdevice import files, hardware

PATH = "/config.json"
Raw = dict[str, Any]


def check(raw: Raw, board: SimpleNamespace) -> None:
    """The device would accept it, as far as a PC can tell. Raises DeviceError."""
    from jkdevice import capture
    from jkdevice.can import rows
    from jkdevice.ports import tcp_port

    try:
        text = json.dumps(raw, ensure_ascii=False)
        text.encode()  # half a character cannot be written
        loaded = checker.load(json.loads(text), "device")
        for bus in loaded["bus"]:
            if bus["kind"] == "can":
                rows.can_row(board, bus["port"])
                if not bus["bitrate"]:
                    text = "bus.bitrate is missing: 250000 with CAN protocol 000 of the app, 500000 with 006."
                    raise DeviceError(text)
            elif bus["port"].startswith("tcp://"):
                tcp_port.parse(bus["port"])
            else:
                if not board.SERIAL:
                    raise DeviceError('bus.port is missing: this board has lines on TCP only: "tcp://192.168.1.20:8899".')
                hardware.serial_row(board, bus["port"])
        if loaded["capture"]:
            capture.parse(loaded["capture"], board.NETWORK is not None)
        if bool(loaded["wifi"]["ssid"]) != (board.NETWORK == "wifi"):
            hardware.open_network(board, loaded["wifi"], None, None)  # says why it cannot
    except (ValueError, hardware.BoardError) as error:
        raise DeviceError(str(error)) from None


def public(raw: Raw) -> str:
    """The configuration as text, what is secret masked."""
    shown = json.loads(json.dumps(raw))
    for row in checker.rows():
        table, name = split(row[0])
        entries = (shown.get(table) or {}) if table else shown
        for entry in entries if isinstance(entries, list) else [entries]:
            if row[1] in HIDDEN and entry.get(name):
                entry[name] = MASK
    return json.dumps(shown, indent=2, ensure_ascii=False)


def from_file(path: str) -> Raw:
    """What a JSON file holds. Raises DeviceError."""
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        raise DeviceError(f"There is no file {path}, or it cannot be read.")
    try:
        raw = files.read_config(path)
    except files.FileError as error:
        raise DeviceError(str(error)) from None
    if not isinstance(raw, dict):
        raise DeviceError(f"{path} must hold one {{...}} with the keys of the configuration.")
    return raw


def on_this_board(device: link.Board, name: str) -> None:
    """What is installed there is for this board. Raises DeviceError: names of lines and pins are others on another."""
    slot = (device.read(f"{release.HOME}/slot") or b"").decode(errors="replace")[:1]
    found = release.board_of(device.read(f"{release.HOME}/{slot}/{release.LIST}"))
    if found not in ("", name):
        raise DeviceError(
            f"jkbridge on the device at {device.port} is for board {found}, and BOARD is {name}. Which is it? "
            f"For {found}: make config BOARD={found} PORT={device.port}. "
            f"For {name}, first: make deploy BOARD={name} PORT={device.port}"
        )


def on_device(board: link.Board) -> Raw:
    """The configuration that is there; {} for none, or for one that cannot be read, which is said."""
    data = board.read(PATH)
    if data is None:
        return {}
    try:
        raw = files.parse(data, PATH)
    except files.FileError as error:
        say(f"  {error} It is replaced.")
        return {}
    usable = raw if isinstance(raw, dict) else {}
    for key in ("mqtt", "wifi", "bus"):
        value = usable.get(key, {})
        if key == "bus" and isinstance(value, list):
            good = all(isinstance(entry, dict) for entry in value)
        else:
            good = isinstance(value, dict)
        if not good:
            del usable[key]
            say(f"  {PATH}: {key} holds something that cannot be used. It is replaced.")
    return usable


def asked(
    given: Raw, board: SimpleNamespace, interview: Interview, has: Callable[[str], bool] = lambda name: False
) -> tuple[Raw, dict[str, bytes]]:
    """Ask until the answers can be used: what is to be written, and the files to be copied, see certificates.find.
    Raises DeviceError when nobody answers.
    """
    say("Enter keeps what stands in [brackets]; Ctrl-C ends without changing anything.")
    try:
        return _agreed(given, board, interview, has)
    except EOFError:
        text = "Nobody answers the questions: run this in a terminal, or use CONFIG=config.json."
        raise DeviceError(text) from None


def _agreed(
    raw: Raw, board: SimpleNamespace, interview: Interview, has: Callable[[str], bool]
) -> tuple[Raw, dict[str, bytes]]:
    inherited = bool(raw)
    problem = ""
    while True:
        raw = interview.go_through(raw)
        try:
            check(raw, board)
            final, found = certificates.find(raw, [Path.cwd()], has)
        except DeviceError as error:
            say(f"\nThis cannot be used yet: {error}")
            # It may be in a key that is not asked for, which answers cannot mend.
            if inherited and problem == str(error) and interview.agrees("Forget what the device has, begin anew?"):
                raw, inherited = {}, False
                continue
            problem = str(error)
            say("Once more, your answers are the defaults now.")
            continue
        say("\n" + public(final))
        if interview.agrees("Write this to the device?"):
            return final, found


def configure(name: str, port: str, file: str = "", interview: Interview | None = None) -> None:
    """The whole of `make config`. Raises DeviceError."""
    board = boards.load(name)
    port = ports.choose(port)
    if file:
        given = from_file(file)
        check(given, board)
        folders = [Path(file).parent, Path.cwd()]
    else:
        if interview is None and not sys.stdin.isatty():
            raise DeviceError("The questions need a terminal. Without one: CONFIG=config.json.")
        say(f"Reading what the device at {port} has.")
        with link.open_board(port) as device:
            on_this_board(device, name)
            given = on_device(device)
            names = (given.get("mqtt", {}).get(key) for key in certificates.KEYS)
            there = [file for file in names if isinstance(file, str) and device.sha(f"/{file}")]
        # It works on while the questions are answered.
        raw, found = asked(given, board, interview or Interview(board), there.__contains__)
    with _again(port) as device:
        if file:
            on_this_board(device, name)
            raw, found = certificates.find(given, folders, lambda file: bool(device.sha(f"/{file}")))
            say(public(raw))
        certificates.send(device, found)
        data = (json.dumps(raw, indent=1, ensure_ascii=False) + "\n").encode()
        device.replace(PATH, data)
        device.remove(BOOTS)
        has_program = bool(device.read(f"{release.HOME}/slot"))
    say(f"{Path(PATH).name} is written and checked ({len(data)} bytes). The device has been restarted.")
    say(f"Next: make {'device-log' if has_program else f'deploy BOARD={name}'} PORT={port}")


def _again(port: str) -> link.Board:
    """Open the board once more; after a restart its USB port may be gone for some seconds."""
    deadline = time.monotonic() + 10
    while not os.path.exists(port) and time.monotonic() < deadline:
        time.sleep(0.2)
    return link.open_board(port)
