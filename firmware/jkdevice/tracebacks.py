"""The last tracebacks of errors of our own, kept in flash and told once: on <base>/bridge/event and on the console.

tracebacks.json: a list, the newest last, of [version, uptime in s, times, told, text]. The same traceback again is
counted, not kept twice, so that an error that comes back for ever does not wear the flash out.
"""

import io
import sys

from jkcore.version import VERSION
from jkdevice import files

FILE = "tracebacks.json"
KEPT = 3
LONGEST = 800  # characters; of a longer one the end is kept, where the error is
MOST = 20  # times counted
SECRET = ("user", "password", "ssid", "psk", "secret", "token")  # keys whose value is in no traceback
_KINDS = (str, int, int, bool, str)
_MASK = "***"


def text_of(error, secrets=()):
    """The traceback of an exception without these words."""
    out = io.StringIO()
    sys.print_exception(error, out)
    text = hide(out.getvalue().strip(), secrets)
    if len(text) > LONGEST:
        text = "..." + text[len(text) - LONGEST :]
    return text


def hide(text, secrets):
    """The text without the secrets. In the lines that name files, a short one may be part of any name: it stays."""
    for word in secrets:
        if len(word) > 3:
            text = text.replace(word, _MASK)
        else:
            lines = text.split("\n")
            for i in range(len(lines)):
                if not lines[i].startswith('  File "'):
                    lines[i] = lines[i].replace(word, _MASK)
            text = "\n".join(lines)
    return text


def secrets_of(configuration):
    """The words in a configuration, as JSON gave it, that may be shown to nobody; longest first."""
    found = []
    _gather(configuration, found)
    return sorted(found, key=len, reverse=True)


def _gather(value, found):
    if isinstance(value, dict):
        for key in value:
            if key in SECRET and isinstance(value[key], str) and value[key]:
                found.append(value[key])
                form = repr(value[key])[1:-1]  # as an error about a wrong value shows it
                if form != value[key]:
                    found.append(form)
            else:
                _gather(value[key], found)
    elif isinstance(value, list):
        for item in value:
            _gather(item, found)


def read():
    """The rows kept; one that is broken counts as none."""
    rows = files.load(FILE)
    if not isinstance(rows, list):
        return []
    return [row for row in rows if _is_whole(row)][-KEPT:]


def _is_whole(row):
    if not isinstance(row, list) or len(row) != len(_KINDS):
        return False
    return all([type(row[i]) is _KINDS[i] for i in range(len(_KINDS))])


def keep(text, uptime):
    """Keep a traceback that came after `uptime` seconds."""
    rows = read()
    if rows and rows[-1][0] == VERSION and rows[-1][4] == text:
        last = rows[-1]
        if last[2] >= MOST:
            return
        last[1] = uptime
        last[2] += 1
    else:
        rows.append([VERSION, uptime, 1, False, text])
    files.replace(FILE, rows[-KEPT:])


def untold():
    """The oldest row nobody was told, or None."""
    for row in read():
        if not row[3]:
            return row
    return None


def tell(row, message, base):
    """Make the message of a row and note that it is told. base: the topic base with "/", bytes."""
    message.start(False)
    message.put(base + b"bridge/event")
    message.body()
    message.open()
    message.string(b"event_type", b"error")
    message.string(b"version", row[0])
    message.numbers(b"uptime times", (row[1], row[2]))
    message.key(b"traceback")
    message.put_byte(34)
    for byte in row[4].encode():
        if byte == 10:
            message.put(b"\\n")
            continue
        if byte == 34 or byte == 92:
            message.put_byte(92)
        message.put_byte(63 if byte < 32 or byte == 127 else byte)
    message.put_byte(34)
    message.close()
    rows = read()
    for other in rows:
        if other[1:3] == row[1:3] and other[4] == row[4]:
            other[3] = True
    files.replace(FILE, rows)


def show(row, write=print):
    """A row on the console."""
    times = " (" + str(row[2]) + " times)" if row[2] > 1 else ""
    write("jkbridge " + row[0] + " ended because of this error, " + str(row[1]) + " s after it began" + times + ":")
    write(row[4])
