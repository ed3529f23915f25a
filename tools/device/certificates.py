"""The files that mqtt.ca, mqtt.cert and mqtt.key name: looked for on this PC, looked into, and copied to the device."""

from __future__ import annotations

import copy
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from device import DeviceError, link, say

KEYS = ("ca", "cert", "key")
_MOST = 16 * 1024  # bytes; the device holds each certificate in memory
Raw = dict[str, Any]


def find(raw: Raw, folders: Iterable[Path], has: Callable[[str], bool]) -> tuple[Raw, dict[str, bytes]]:
    """The configuration with the names the files have on the device, and those that are on this PC: name -> bytes.

    folders: where a name without a folder is looked for. has(name): there is such a file on the device already. Raises
    DeviceError for a file that is nowhere, or not what TLS needs.
    """
    raw = copy.deepcopy(raw)
    mqtt = raw.get("mqtt") or {}
    found: dict[str, bytes] = {}
    here: dict[str, Path] = {}
    for key in KEYS:
        name = mqtt.get(key)
        if not name:
            continue
        path = next((path for path in (folder / Path(name).expanduser() for folder in folders) if path.is_file()), None)
        if path is None:
            if has(name):
                continue
            raise DeviceError(
                f'mqtt.{key} = "{name}": there is no such file on this PC, and none on the device. Name the file with '
                "its folder, such as ~/ca.crt; it is copied to the device."
            )
        data = _read(path, key)
        if found.setdefault(path.name, data) != data:
            raise DeviceError(f"mqtt.{key} = {path}: another file of this name is to be copied too, rename one.")
        here[key] = path
        mqtt[key] = path.name
    if "ca" in here:
        _check_ca(here["ca"], found[here["ca"].name])
    if "cert" in here and "key" in here:
        _check_pair(here["cert"], here["key"])
    return raw, found


def send(device: link.Board, files: dict[str, bytes]) -> None:
    """Copy what is not there yet. Raises DeviceError."""
    for name, data in files.items():
        if device.sha(f"/{name}") == link.digest(data):
            say(f"{name} is on the device already.")
        else:
            device.replace(f"/{name}", data)
            say(f"{name} is copied to the device and checked ({len(data)} bytes).")


def _read(path: Path, key: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DeviceError(f"mqtt.{key} = {path} cannot be read: {error.strerror}.") from None
    if len(data) > _MOST:
        raise DeviceError(
            f"mqtt.{key} = {path} has {len(data) // 1024} kB, more than a device has memory for: it needs a file with "
            "the one certificate of your broker's authority."
        )
    return data


def _check_ca(path: Path, data: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=data.decode() if b"-----BEGIN" in data else data)
    except (ssl.SSLError, ValueError):
        context = None
    if context is None or not context.cert_store_stats()["x509"]:
        raise DeviceError(f"mqtt.ca = {path} holds no certificate (PEM or DER).")


def _check_pair(cert: Path, key: Path) -> None:
    if b"-----BEGIN" not in cert.read_bytes() + key.read_bytes():
        return  # DER, which ssl does not read; the device says what is wrong with it
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError):
        raise DeviceError(
            f"mqtt.cert = {cert} and mqtt.key = {key} are no certificate with its key, or the key has a password, "
            "which nobody could type on a device."
        ) from None
