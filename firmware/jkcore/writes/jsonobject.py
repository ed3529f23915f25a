"""The one kind of JSON a command may be: a flat object of texts, numbers, true and false.

Numbers stay the text they came as: a float would lose digits. No recursion and no escapes, because no field needs them:
whatever is nested, escaped, not ASCII, or written twice is refused.
"""

from jkcore.shim import const
from jkcore.writes import texts
from jkcore.writes.refusal import CommandError

_MOST = const(32)  # members; a result with so many fields fits one message
_BLANK = b" \t\r\n"
_BARE = b"+-.0123456789Eaeflrstu"  # numbers, true, false; what they are worth is decided by their field


def read(payload) -> list:
    """[(key, value), ...] as texts, in the order of the object; CommandError when the payload is anything else."""
    found = []
    keys = []
    at = _expect(payload, _skip(payload, 0), 123, "it does not begin with {")
    at = _skip(payload, at)
    if at < len(payload) and payload[at] == 125:
        return _end(payload, at + 1, found)
    while True:
        key, at = _text(payload, _skip(payload, at))
        if key in keys:
            raise CommandError(texts.TWICE, key)
        keys.append(key)
        if len(keys) > _MOST:
            raise CommandError(texts.MANY, _MOST)
        at = _skip(payload, _expect(payload, _skip(payload, at), 58, "a : is missing"))
        value, at = _value(payload, at)
        found.append((key, value))
        at = _skip(payload, at)
        if at < len(payload) and payload[at] == 44:
            at += 1
            continue
        return _end(payload, _expect(payload, at, 125, "a comma or } is missing"), found)


def _end(payload, at: int, found: list) -> list:
    if _skip(payload, at) != len(payload):
        raise CommandError(texts.NO_JSON, "something stands behind it")
    return found


def _skip(payload, at: int) -> int:
    while at < len(payload) and payload[at] in _BLANK:
        at += 1
    return at


def _expect(payload, at: int, byte: int, complaint: str) -> int:
    if at >= len(payload) or payload[at] != byte:
        raise CommandError(texts.NO_JSON, complaint)
    return at + 1


def _text(payload, at: int):
    """(text in quotes, where it ends)."""
    at = _expect(payload, at, 34, "a text in quotes is missing")
    out = ""
    while at < len(payload):
        byte = payload[at]
        at += 1
        if byte == 34:
            return out, at
        if not 32 <= byte < 127 or byte == 92:
            break
        out += chr(byte)
    raise CommandError(texts.NO_JSON, "a text has no end, or holds what no field needs")


def _value(payload, at: int):
    """(value as text, where it ends)."""
    if at < len(payload) and payload[at] == 34:
        return _text(payload, at)
    out = ""
    while at < len(payload) and payload[at] in _BARE:
        out += chr(payload[at])
        at += 1
    first = out[:1]
    if not out or not (first in "-0123456789" or out in ("true", "false")):
        raise CommandError(texts.NO_JSON, "a value is no number, text, true or false")
    return out, at
