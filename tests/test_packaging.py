"""What `pip install .` puts on a machine: both packages whole, nothing of the device or the tests, one
version.
"""

from __future__ import annotations

import configparser
import email
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mp
import pytest

from jkcore.version import VERSION

HOMES = {"jkcore": mp.FIRMWARE / "jkcore", "jkbridge": mp.ROOT / "host_shim" / "jkbridge"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: setuptools leaves build/ and *.egg-info where it builds."""
    source = tmp_path_factory.mktemp("source")
    rubbish = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(mp.ROOT / name, source)
    for name in ("firmware", "host_shim"):
        shutil.copytree(mp.ROOT / name, source / name, ignore=rubbish)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (source / "dist").iterdir()
    return path


def test_wheel_holds_both_packages_whole_and_nothing_else(wheel):
    expected = {
        f"{package}/{file.relative_to(home).as_posix()}"
        for package, home in HOMES.items()
        for file in home.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected


def test_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = f"jkbridge-{VERSION}.dist-info/"
        metadata = email.message_from_bytes(archive.read(info + "METADATA"))
        scripts = configparser.ConfigParser()
        scripts.read_string(archive.read(info + "entry_points.txt").decode())
        assert any(name.endswith("LICENSE") for name in archive.namelist())
    assert metadata["Name"] == "jkbridge"
    assert metadata["Version"] == VERSION
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_payload().strip(), "the README is missing"
    needed = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert sorted(r.split("<")[0].split(">")[0] for r in needed) == ["paho-mqtt", "pyserial", "rich"]
    assert dict(scripts["console_scripts"]) == {"jkbridge": "jkbridge.cli:main"}


def test_wheel_works_where_it_is_installed(wheel, tmp_path):
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(tmp_path), str(wheel)], check=True, timeout=100)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import jkcore, jkbridge, jkbridge.cli; "
        "print(jkcore.__file__, jkbridge.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{tmp_path}/jkcore/__init__.py", f"{tmp_path}/jkbridge/__init__.py"]


def test_editable_install_runs_the_working_tree(tmp_path):
    """`make` installs editable: a git pull needs no new install."""
    code = "import jkcore, jkbridge; print(jkcore.__file__, jkbridge.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(home / "__init__.py") for home in HOMES.values()]


def test_changelog_tells_of_this_version():
    assert f"## [{VERSION}]" in (mp.ROOT / "CHANGELOG.md").read_text()
