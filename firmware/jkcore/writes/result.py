"""The result of a command as JSON, for <base>/<pack>/result.

One field:  {"field":"cell_overvoltage_protection","asked":3.600,"status":"ok","value":3.600,"reason":null}
A group:    {"status":"exception","reason":"...","fields":[{...},{...}]}, each with field, asked, status and value;
            those behind the one at which it stopped are "not_sent", and the reason is that of the one.
"id" when the command had one.
`value` is what was read back from the battery, null when nothing was. It is never what was hoped for.
"""

from jkcore.fields import codes, table
from jkcore.writes import actions, decimals, texts
from jkcore.writes.outcome import NOT_SENT, OK, REFUSED, STATUS_NAMES
from jkcore.writes.refusal import CommandError


def put(message, command, outcome) -> None:
    """The payload of a result. outcome: the Transaction, a CommandError, or None: carried out at once (an unlock)."""
    if outcome is None:
        message.open()
        _put_done_at_once(message, command)
        message.close()
    elif isinstance(outcome, CommandError):
        put_refused(message, command, outcome)
    else:
        put_done(message, command, outcome)


def summary(pack_id: bytes, command, outcome):
    """(went well, a line for the log) of a result. No value: those are for whoever sent the command."""
    names = ", ".join([decimals.shown(name) for name in command.names])
    who = "command for %s (%s): " % (pack_id.decode(), names or "?")
    if outcome is None:
        return True, who + "ok"
    if isinstance(outcome, CommandError):
        return False, who + "refused: " + texts.sentence(outcome.code, outcome.values)
    reason = ": " + texts.sentence(outcome.why[0], outcome.why[1]) if outcome.why else ""
    return outcome.status == OK, who + STATUS_NAMES[outcome.status].decode() + reason


def _put_done_at_once(message, command) -> None:
    """An unlock: what was asked for is what counts now."""
    message.string(b"field", command.names[0])
    message.string(b"asked", command.given[0])
    message.string(b"status", STATUS_NAMES[OK])
    message.string(b"value", command.given[0])
    _put_reason(message, None)


def put_done(message, command, transaction) -> None:
    """The payload of a command that had its transaction."""
    _put(message, command, transaction.status, transaction.why, transaction.statuses, transaction.values)


def put_refused(message, command, refused) -> None:
    """The payload of a command that was refused before anything was read. command: as far as it was understood."""
    statuses = []
    for name in command.names:
        statuses.append(REFUSED if refused.field in (None, name) else NOT_SENT)
    _put(message, command, REFUSED, (refused.code, refused.values), statuses, None)


def _put(message, command, status: int, why, statuses, values) -> None:
    reason = texts.sentence(why[0], why[1]) if why else None
    message.open()
    if command.id:
        message.string(b"id", command.id)
    if len(command.names) == 1 and not command.group:
        _put_field(message, command, 0, status, values)
        _put_reason(message, reason)
        message.close()
        return
    message.string(b"status", STATUS_NAMES[status])
    _put_reason(message, reason)
    message.key(b"fields")
    message.put_byte(91)
    for i in range(len(command.names)):
        if i:
            message.put_byte(44)
        message.open()
        _put_field(message, command, i, statuses[i], values)
        message.close()
    message.put_byte(93)
    message.close()


def _put_reason(message, reason) -> None:
    message.key(b"reason")
    if reason is None:
        message.put(b"null")
    else:
        message.quoted(reason.encode())


def _put_field(message, command, i: int, status: int, values) -> None:
    message.string(b"field", decimals.shown(command.names[i]))
    message.key(b"asked")
    r = command.rows[i] if i < len(command.rows) else -1
    if r < 0:  # not understood: what came, as it came
        message.quoted(decimals.shown(command.given[i]).encode())
    else:
        _put_value(message, r, command.asked[i])
    message.string(b"status", STATUS_NAMES[status])
    message.key(b"value")
    _put_value(message, r, values[i] if values and r >= 0 else None)


def _put_value(message, r: int, value) -> None:
    """A value as in the settings JSON."""
    if value is None:
        message.put(b"null")
        return
    if r >= actions.FIRST:
        message.put_fixed(value, actions.entry(r)[3])
        return
    row = table.at(r)
    options = table.options(row)
    if row.show == codes.SWITCH:
        message.quoted(b"ON" if value else b"OFF")
    elif options:
        message.quoted(options[value] if value < len(options) else b"?")
    else:
        message.put_fixed(value, row.decimals)
