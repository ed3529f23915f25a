"""Fetch umqtt.simple 1.3.4 from PyPI into build/umqtt/umqtt/simple.py, for the tests of the device's MQTT
session.

pip cannot install it (the archive has neither setup.py nor pyproject.toml), so the pypi-simple client
fetches the archive. 1.3.4 is the only version there, and the oldest interface a device may have. The frozen copies
of 1.4.0 to 1.8.0 cannot be had from a registry: tests/shared/device_fakes.py has stand-ins for what they do otherwise.
"""

import hashlib
import io
import sys
import tarfile
import tempfile
from pathlib import Path

PROJECT = "micropython-umqtt.simple"
VERSION = "1.3.4"
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
TARGET = Path(__file__).resolve().parent.parent / "build" / "umqtt" / "umqtt" / "simple.py"


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
            f"{PROJECT} {VERSION} could not be fetched from PyPI: {error}. Check the internet connection "
            "and run `make test` again; until then the tests of the device's MQTT session are skipped."
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


def main() -> None:
    source = unpack(download())
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    temporary = TARGET.with_suffix(".new")
    temporary.write_bytes(source)
    temporary.replace(TARGET)  # whole or not at all
    print(f"umqtt.simple {VERSION}: {len(source)} bytes in {TARGET}")


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(str(error))
