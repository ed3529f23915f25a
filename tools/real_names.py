"""`python tools/real_names.py FILE`: a traceback of a device with the names of the source; "-" reads what is pasted.

On a device private names are short (tools/compact.py) and lines are not numbered. Use the release the device runs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compact

_PLACE = re.compile(r'^\s*File "([\w.]+)"')
_SHORT = re.compile(r"\b_[a-z]{1,2}\b")


def translate(text: str, firmware: compact.Firmware | None = None) -> str:
    """The traceback with real names; one that may be two is given as both. Other lines stay as they are."""
    firmware = firmware or compact.Firmware()
    out = []
    names: dict[str, set[str]] = {}
    for line in text.splitlines():
        place = _PLACE.match(line)
        if place:
            names = names_of(firmware, place[1])
        out.append(_SHORT.sub(lambda found, known=names: " or ".join(sorted(known.get(found[0], {found[0]}))), line))
    return "\n".join(out)


def names_of(firmware: compact.Firmware, module: str) -> dict[str, set[str]]:
    """Short name -> what it is in the source of a module; empty for a module that is not ours."""
    path = firmware.modules.get(module)
    if path is None:
        return {}
    firmware.compact(path)
    found: dict[str, set[str]] = {}
    short = {new: old for old, new in firmware.short_globals(path).items()}
    for renamed in (firmware.names(path), short):
        for new, old in renamed.items():
            found.setdefault(new, set()).add(old)
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        given = sys.stdin.read() if sys.argv[1] == "-" else Path(sys.argv[1]).read_text()
    except OSError as error:
        sys.exit(f"{sys.argv[1]} cannot be read: {error.strerror}.")
    print(translate(given))
