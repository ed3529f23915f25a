"""Writes package.json: what `mpremote mip install --target / github:OWNER/jkbridge` puts on a device, as sources.

The files that the program can import from main.py on; board.py and config.json are the user's to add, and
umqtt.simple where the firmware has none. tests/test_mip_package.py runs this to compare.
"""

from __future__ import annotations

import json

import compact
from device import ROOT, release

from jkcore.version import VERSION

PACKAGE = ROOT / "package.json"


def text() -> str:
    """The contents of package.json."""
    needed = release.needed(compact.Firmware())
    # Without what compact.py adds.
    paths = [path.as_posix() for path in needed if (ROOT / "firmware" / path).is_file()]
    rows = ",\n".join(f"    {json.dumps([path, f'firmware/{path}'])}" for path in paths)
    return f'{{\n  "version": "{VERSION}",\n  "urls": [\n{rows}\n  ],\n  "deps": []\n}}\n'


def paths() -> list[str]:
    """Where the files of package.json lie on the device, from /."""
    return [row[0] for row in json.loads(PACKAGE.read_text())["urls"]]


if __name__ == "__main__":
    PACKAGE.write_text(text())
    print(f"{len(paths())} files in {PACKAGE.name}")
