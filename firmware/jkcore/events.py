"""Events of a pack: alarms raised and cleared, settings changed by another hand. Never retained.

Rare, so a device loads this module when something happens and forgets it again. A pack remembers what is to be told
(alarm words in its notes, the old settings frame in `event`); the message is made when the session takes it.
"""

from jkcore import alarms, texts
from jkcore import pack as pk
from jkcore.fields import codes, table
from jkcore.log import INFO, WARNING, say
from jkcore.pack import Pack
from jkcore.payload import put_value

NOTHING = 0
CLEARED = 2  # as the pending flags of outbox.py
RAISED = 4
SETTING = 8


def note_alarms(log, pack, low: int, high: int, more: int) -> int:
    """The alarm word, or what stands beside it, is not the one last seen; the first of a run is only logged.

    Returns the events to send.
    """
    notes = pack.notes
    first = notes[pk.ALARMS_SEEN] < 0
    if not first:
        for i, word in enumerate((low, high, more)):
            seen = notes[pk.ALARMS_SEEN + i]
            notes[pk.RAISED_ALARMS + i] |= word & ~seen
            notes[pk.CLEARED_ALARMS + i] |= seen & ~word
    notes[pk.ALARMS_SEEN] = low
    notes[pk.ALARMS_SEEN + 1] = high
    notes[pk.ALARMS_SEEN + 2] = more
    words = alarm_words(high, low, pack.named)
    if more:
        words = ", ".join(([words] if words else []) + pack.more_words(more))
    if first:
        if words:
            say(log, WARNING, texts.HAS_ALARMS, pack.id, words)
        return NOTHING
    say(log, WARNING, texts.ALARMS_NOW, pack.id, words or "none")
    raised = any(notes[pk.RAISED_ALARMS : pk.RAISED_ALARMS + 3])
    cleared = any(notes[pk.CLEARED_ALARMS : pk.CLEARED_ALARMS + 3])
    return (RAISED if raised else NOTHING) | (CLEARED if cleared else NOTHING)


def alarm_words(high: int, low: int, named: int) -> str:
    """Alarms for a log line: "cell overvoltage, change password". named: as in Pack."""
    keys = alarms.KEYS.decode().split(",")
    found = []
    for bit in range(32):
        if (high if bit > 15 else low) >> (bit & 15) & 1:
            found.append(keys[bit].replace("_", " ") if bit < min(len(keys) - 1, named) else "bit %d" % bit)
    return ", ".join(found)


def note_settings(log, pack, frame, desk) -> int:
    """The battery's settings in `frame` differ from those kept: somebody changed them. Returns the events to send.

    desk: of the bridge, or None; what a command of its changes is told as its result, not as an event.
    """
    new = _with_settings(pack, frame)
    old = pack.event if pack.event is not None else bytearray(pack.frame(1))  # one event may tell several changes
    if desk is not None:
        for r in _changed(pack, new):
            if desk.explains(pack, r, new.scaled(r)):
                _adopt(old, frame, table.at(r))
    rows = _changed(_with_settings(pack, old), new)
    if not rows:
        return NOTHING
    pack.event = old
    say(log, INFO, texts.CHANGED, pack.id, ", ".join([table.name(r) for r in rows]))
    return SETTING


def _with_settings(pack, frame):
    """A pack like this one with other settings."""
    other = Pack(pack.id, pack.address, "")
    other.keep(frame, 1)
    if pack.holds(3):
        other.keep(pack.frame(3), 3)
    return other


def _adopt(old, new, row) -> None:
    """Let the field of a row in a settings frame be what it is in another one."""
    if row.kind == codes.BIT:
        bit = 1 << (row.offset & 7)
        at = (row.offset >> 4) + (row.offset >> 3 & 1)
        old[at] = old[at] & ~bit | new[at] & bit
        return
    for i in range(row.offset, row.offset + (4 if row.kind in (codes.U32, codes.S32) else 1)):
        old[i] = new[i]


def _changed(pack, other) -> list:
    """Rows whose settings differ in two packs."""
    found = []
    for r in range(table.first(1), table.last(1)):
        if table.at(r).who != codes.DECODED and pack.present(r) and pack.scaled(r) != other.scaled(r):
            found.append(r)
    return found


def put_event(message, pack, event: int) -> bool:
    """The payload of an event; False when there is nothing to tell (a setting was changed and changed back)."""
    message.open()
    if event == SETTING:
        return _put_settings(message, pack)
    message.string(b"event_type", b"alarm_raised" if event == RAISED else b"alarm_cleared")
    message.key(b"alarms")
    at = pk.RAISED_ALARMS if event == RAISED else pk.CLEARED_ALARMS
    alarms.put_list(message, pack.notes[at + 1], pack.notes[at], pack, pack.notes[at + 2])
    pack.notes[at] = pack.notes[at + 1] = pack.notes[at + 2] = 0
    message.close()
    return True


def _put_settings(message, pack) -> bool:
    """{"event_type":"setting_changed","changed":{"<field>":{"old":..,"new":..}}}"""
    old = _with_settings(pack, pack.event)
    pack.event = None
    message.string(b"event_type", b"setting_changed")
    message.key(b"changed")
    message.open()
    rows = _changed(old, pack)
    for r in rows:
        message.key(table.name(r).encode())
        message.open()
        message.key(b"old")
        put_value(message, old, r, False)
        message.key(b"new")
        put_value(message, pack, r, False)
        message.close()
    message.close()
    message.close()
    return bool(rows)
