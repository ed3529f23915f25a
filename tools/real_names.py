"""`python tools/real_names.py FILE`: a traceback of a device with the names of the source; "-" reads what is pasted.

On a device names are short (tools/compact.py) and lines are not numbered. Use the release the device runs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compact

_PLACE = re.compile(r'^\s*File "([\w.]+)"')
_SHORT = re.compile(r"(?<=, in )(\w+)$|(?<=')(\w+)(?=')")


def translate(text: str, firmware: compact.Firmware | None = None) -> str:
    """The traceback with real names; one that may be two is given as both. Other lines stay as they are."""
    firmware = firmware or compact.Firmware()
    out = []
    names: dict[str, str] = {}
    for line in text.splitlines():
        place = _PLACE.match(line)
        if place:
            path = firmware.modules.get(place[1])
            names = firmware.names(path) if path else {}
        out.append(_SHORT.sub(lambda found, known=names: known.get(found[0], found[0]), line))
    return "\n".join(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        given = sys.stdin.read() if sys.argv[1] == "-" else Path(sys.argv[1]).read_text()
    except OSError as error:
        sys.exit(f"{sys.argv[1]} cannot be read: {error.strerror}.")
    print(translate(given))
