"""The last configuration with which the bridge was online: config.good.json. The device runs on it while config.json
is bad. Both lie in the same flash, with the same secrets.
"""

from binascii import crc32

from jkdevice import files

CONFIG = "config.json"
GOOD = "config.good.json"


def mark(path=CONFIG):
    """A number for what a file holds, -1 when there is none."""
    data = files.content(path)
    return -1 if data is None else crc32(data)


def keep(used):
    """Keep config.json as a good one if it still is what `used` marks, which was read at the start."""
    data = files.content(CONFIG)
    if data is not None and crc32(data) == used:
        files.replace(GOOD, data)


def secrets():
    """All words of both files that may be shown to nobody."""
    from jkdevice import tracebacks

    return tracebacks.secrets_of([files.load(CONFIG), files.load(GOOD)])
