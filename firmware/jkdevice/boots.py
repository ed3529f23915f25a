"""How the last starts went, kept in flash: the way into safe mode and out of it.

A bad start is one that ends within SETTLED_S seconds by an exception, or by a hang. A lost network or broker raises
nothing and never counts. The fifth in a row leads to safe mode.

A hang leaves no trace but the reset cause "watchdog", which does not tell how long the program had run. So the first
such reset only makes the next start a watched one (`young`); a watchdog reset out of a watched start is a bad start.
A Pico calls its ordinary restart a watchdog's, too: one after an exception of ours, or after an end on purpose, is not
watched yet.

Flash is written only while something is wrong: a start after a good run writes nothing.
"""

from jkdevice import files

FILE = "boots.json"
LIMIT = 5
SETTLED_S = 60

# What to start
NORMAL = 0
SAFE = 1
CONSOLE = 2  # safe mode itself failed

HUNG = "the program hung until the watchdog restarted the device"


def read():
    """[bad starts in a row, the one under way is watched, what follows on LIMIT of them, why the last one was bad]. A
    record that is missing or broken is that of a good run."""
    row = files.load(FILE)
    kinds = (int, bool, int, str)
    if isinstance(row, list) and len(row) == 4 and all([type(row[i]) is kinds[i] for i in range(4)]):
        if 0 <= row[0] <= LIMIT and NORMAL <= row[2] <= CONSOLE:
            return row
    return [0, False, SAFE, ""]


def is_doubted():
    """Something is on record."""
    return files.content(FILE) is not None


def begin(watchdog):
    """What to start, and why it is not NORMAL or "". watchdog: it was the watchdog that restarted the device."""
    row = read()
    before = list(row)
    if watchdog and row[1]:
        _count(row, HUNG)
    mode = row[2] if row[0] == LIMIT else NORMAL
    row[1] = mode == NORMAL and (watchdog or row[0] > 0)
    row[2] = SAFE
    if row != before:
        _write(row)
    return mode, row[3]


def _count(row, why):
    row[0] = min(row[0] + 1, LIMIT)
    row[1] = False
    row[3] = why


def failed(why, late):
    """The program ends by an error. late: it had run for SETTLED_S. Returns how many bad starts there are in a row."""
    row = read()
    if row[0] == LIMIT and not row[1]:  # a start in normal mode would be a watched one
        row[2] = CONSOLE
    elif late:
        settled()
        return 0
    else:
        _count(row, why)
    _write(row)
    return row[0]


def order(mode):
    """In safe mode: what the next start shall be, NORMAL or CONSOLE."""
    row = read()
    row[2] = mode
    _write(row)


def leave():
    """The program is ended on purpose: the restart that follows is no hang."""
    row = read()
    if row[1]:
        row[1] = False
        if row[0]:
            _write(row)
        else:
            settled()


def settled():
    """The program runs well: forget the bad starts."""
    files.remove(FILE)


def _write(row):
    files.replace(FILE, row)
