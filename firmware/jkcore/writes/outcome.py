"""What is known of each field of a command, while it is carried out and in the end."""

from jkcore.shim import const
from jkcore.writes import actions, texts

# What became of a field, index into STATUS_NAMES
OK = const(0)
REFUSED = const(1)
NO_ANSWER = const(2)
UNCHANGED = const(3)
DIFFERENT = const(4)
EXCEPTION = const(5)
NOT_SENT = const(6)
STATUS_NAMES = (b"ok", b"refused", b"no_answer", b"unchanged", b"different", b"exception", b"not_sent")

# Meaning of exception codes (protocol/rs485.md section 2.4)
_EXCEPTIONS = ("unknown code", "function not supported", "no such register", "value illogical or out of limits", "CRC")


class Outcome:
    """Of one Command."""

    def __init__(self, command):
        self.command = command
        self.statuses = [NOT_SENT] * len(command.rows)
        self.values = [None] * len(command.rows)  # read back
        self.status = OK
        self.why = None  # (code, values) of texts.py of the first failure, or of what is to be said with an OK
        self.sent = []  # rows of the writes that are out

    def touches(self, r: int) -> bool:
        """True when a write of row `r` is out: its change is not by another hand. A preset changes all of them."""
        return r in self.sent or self._is_preset_out()

    def unsure(self) -> list:
        """(row, value) of the writes that were not read back and not refused: they may be done late. Row -1: any."""
        found = []
        for i in range(len(self.command.rows)):
            r = self.command.rows[i]
            if r in self.sent and self.statuses[i] not in (OK, EXCEPTION):
                if r < actions.FIRST:
                    found.append((r, self.command.asked[i]))
                elif self._is_preset_out():
                    found.append((-1, 0))
        return found

    def _is_preset_out(self) -> bool:
        return bool(self.sent) and self.sent[0] >= actions.FIRST and actions.cells(self.sent[0]) is not None


def exception(code: int):
    """(code, values) of texts.py for an exception of the battery."""
    return texts.EXCEPTION, (code, _EXCEPTIONS[code] if code < len(_EXCEPTIONS) else _EXCEPTIONS[0])
