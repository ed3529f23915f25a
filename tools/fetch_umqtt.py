"""Fetch the versions of umqtt.simple a device may have, for the tests of its MQTT session.

1.3.4 comes from PyPI into build/umqtt/umqtt/simple.py: the oldest interface, and what a device gets whose firmware has
none. pip cannot install it (the archive has neither setup.py nor pyproject.toml), so the pypi-simple client fetches the
archive. The versions that MicroPython 1.24 to 1.29 freeze come from MicroPython's own index into
build/umqtt-VERSION/umqtt/simple.py, by its own client mip in the unix port. Those are not needed for anything but
tests: what cannot be had is said, and its tests are skipped.
"""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PROJECT = "micropython-umqtt.simple"
VERSION = "1.3.4"
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
BUILD = Path(__file__).resolve().parent.parent / "build"
TARGET = BUILD / "umqtt" / "umqtt" / "simple.py"
FROZEN = ("1.4.0", "1.6.0", "1.7.0", "1.8.0")


class FetchError(Exception):
    """What could not be had and why, as a sentence."""


def download() -> bytes:
    """The archive's bytes from PyPI. Raises FetchError when PyPI or the version cannot be had."""
    import requests
    from pypi_simple import NoSuchProjectError, PyPISimple

    try:
        with PyPISimple() as client, tempfile.TemporaryDirectory() as folder:
            page = client.get_project_page(PROJECT, timeout=30)
            found = [p for p in page.packages if p.version == VERSION and p.package_type == "sdist"]
            if not found:
                raise FetchError(f"PyPI's project {PROJECT} no longer has version {VERSION}.")
            path = Path(folder) / "archive.tar.gz"
            client.download_package(
                found[0], path, verify=False, timeout=30
            )  # the pinned digest is checked below
            return path.read_bytes()
    except (requests.RequestException, NoSuchProjectError) as error:
        raise FetchError(
            f"{PROJECT} {VERSION} could not be fetched from PyPI: {error}. Check the internet connection and try again."
        ) from error


def unpack(archive: bytes) -> bytes:
    """umqtt/simple.py out of the archive. Raises FetchError when the archive is not the known one."""
    digest = hashlib.sha256(archive).hexdigest()
    if digest != SHA256:
        raise FetchError(
            f"{PROJECT} {VERSION} has sha256 {digest}, expected {SHA256}: not the known file, not used."
        )
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            if member.name.endswith("/umqtt/simple.py"):
                file = tar.extractfile(member)
                assert file is not None
                return file.read()
    raise FetchError(f"{PROJECT} {VERSION} holds no umqtt/simple.py.")


def fetch_frozen(version: str) -> Path:
    """One of FROZEN from MicroPython's index. Raises FetchError."""
    micropython = shutil.which("micropython", path=str(Path(sys.executable).parent)) or shutil.which("micropython")
    if micropython is None:
        raise FetchError(f"umqtt.simple {version}: there is no MicroPython unix port here whose mip could fetch it.")
    folder = BUILD / f"umqtt-{version}"
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        command = [micropython, "-m", "mip", "install", "--no-mpy", "--target", name, f"umqtt.simple@{version}"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
            said = (done.stdout + done.stderr).strip().splitlines()
            why = said[-1] if said else f"exit status {done.returncode}"
        except subprocess.TimeoutExpired:
            why = "no answer within 30 s"
        source = Path(name) / "umqtt" / "simple.py"
        if not source.exists() or b"class MQTTClient" not in source.read_bytes():
            raise FetchError(f"umqtt.simple {version} could not be fetched from MicroPython's index with mip: {why}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(name, folder)
    return folder / "umqtt" / "simple.py"


def fetch() -> None:
    """1.3.4 into TARGET. Raises FetchError."""
    source = unpack(download())
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    temporary = TARGET.with_suffix(".new")
    temporary.write_bytes(source)
    temporary.replace(TARGET)  # whole or not at all
    print(f"umqtt.simple {VERSION}: {len(source)} bytes in {TARGET}")


def main() -> None:
    fetch()
    for version in FROZEN:
        try:
            path = fetch_frozen(version)
        except FetchError as error:
            print(f"{error}\nThe tests with the versions that firmware freezes are skipped without them.")
            return  # the next one would fail likewise
        print(f"umqtt.simple {version}: {path.stat().st_size} bytes in {path}")


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(str(error))
