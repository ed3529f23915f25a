"""The module `machine` of a device whose reset ends the process with status 77; cause.txt: what the last reset was."""

import sys

PWRON_RESET = 1
WDT_RESET = 3


def reset():
    sys.exit(77)


def reset_cause():
    try:
        with open("cause.txt") as file:
            return int(file.read())
    except OSError:
        return 1
