"""What only a gateway does: an RS485 converter on the network that the bus is reached through.

It can go without a word (the connection then stays open for ever and nothing comes), speak Modbus TCP instead of
passing bytes on, serve a second program, or lose bytes. The bus tells what it sends and hears; a fault found is said
once and kept as a bit of `faults`. Only a bus on a network port has one of these.
"""

from jkcore import texts
from jkcore.clock import since
from jkcore.log import DEBUG, INFO, WARNING, say, text_of
from jkcore.shim import const

# Bits of Gateway.faults, from the right; their names in bridge/health
SILENT = const(1)  # opened again because nothing came, and nothing has come since
MODBUS_TCP = const(2)  # answers have the header of Modbus TCP
HANGS_UP = const(4)  # closes the connection as soon as something is asked, again and again
SHARED = const(8)  # answers to somebody else come, without his requests: a second client
LOSSY = const(16)  # many answers arrive damaged
NAMES = b"silent modbus_tcp hangs_up shared lossy"

_SILENCE = const(30000)  # so long nothing came although something should have
_AGAIN = const(60000)  # the same after an opening that brought nothing
_UNANSWERED = const(2)  # requests before their silence counts
_HANG_UP = const(5000)  # a connection that ends so soon after a request ends because of it
_HEAD = const(8)  # Modbus TCP: transaction (2), protocol 0000, length (2), unit, function
_OFTEN = const(3)
_FORGIVEN = const(60000)  # a second client not heard for so long has gone
_WINDOW = const(30)  # answers looked at together, good or damaged
_MANY = const(5)  # damaged ones among them are too many


class Gateway:
    """port: as configured, for sentences. Times are 30-bit ms."""

    def __init__(self, port: str, log):
        self.faults = 0
        self.reopened = 0  # times the connection was given up because of silence
        self._port = port
        self._log = log
        self._reopening = False
        self._heard = False  # any byte, ever
        self._fresh = True  # no byte since the port was opened
        self._quiet_since = 0
        self._asked_at = 0  # first request that nothing has come after
        self._unanswered = 0
        self._limit = _SILENCE
        self._head = bytearray(_HEAD)  # first bytes behind the last request
        self._count = 0  # bytes behind it
        self._headers = 0  # answers in a row that look like Modbus TCP
        self._hang_ups = 0  # in a row
        self._strangers = 0  # answers nobody asked for, in a row without a request
        self._stranger_at = 0
        self._judged = True  # the last request's answer is counted
        self._answers = 0  # in the window
        self._damaged = 0

    # told by the bus

    def opened(self, now: int) -> None:
        """The connection is made."""
        self._reopening = False
        self._fresh = True
        self._quiet_since = now
        self._unanswered = self._count = 0

    def closed(self, now: int) -> None:
        """The connection is lost."""
        if not self._fresh:
            self._hang_ups = 0
        elif self._unanswered and not self._reopening and since(now, self._asked_at) < _HANG_UP:
            self._hang_ups += 1
            if self._hang_ups == _OFTEN:
                self._found(HANGS_UP, texts.GATEWAY_HANGS_UP)
        self._reopening = False

    def heard(self, data, count: int, now: int) -> None:
        """The first `count` bytes of data have come."""
        self._quiet_since = now
        self._heard = True
        self._fresh = False
        self._unanswered = 0
        self._limit = _SILENCE
        if self.faults & SILENT:
            self.faults &= ~SILENT
            say(self._log, INFO, texts.GATEWAY_BACK, self._port)
        at = self._count
        i = 0
        while at < _HEAD and i < count:
            self._head[at] = data[i]
            at += 1
            i += 1
        self._count = (self._count + count) & 0xFFFF

    def sent(self, now: int) -> None:
        """A request has gone out."""
        self._judge_head()
        if not self._unanswered:
            self._asked_at = now
        if self._unanswered < 1000:
            self._unanswered += 1
        self._count = 0
        self._judged = False

    def good(self, now: int) -> None:
        """A whole frame came that was asked for."""
        self._count = self._headers = self._hang_ups = 0
        self.faults &= ~(MODBUS_TCP | HANGS_UP)
        if self.faults & SHARED and since(now, self._stranger_at) >= _FORGIVEN:
            self.faults &= ~SHARED
        self._judge(0)

    def damaged(self) -> None:
        """An answer came that was not whole."""
        self._judge(1)

    def foreign(self, request: bool, address: int, now: int) -> None:
        """A frame or request was heard that is none of ours.

        Somebody else on the line is heard asking; of a second client of the gateway only the answers are.
        """
        if request or not address:
            self._strangers = 0
            return
        self._stranger_at = now
        if self._strangers < _OFTEN:
            self._strangers += 1
            if self._strangers == _OFTEN:
                self._found(SHARED, texts.GATEWAY_SHARED)

    def put(self, message) -> None:
        """The member of bridge/health: times the connection was given up for silence, and the faults by name."""
        message.key(b"gateway")
        message.open()
        message.numbers(b"reopened", (self.reopened,))
        message.key(b"faults")
        names = NAMES.split(b" ")
        found = [names[n] for n in range(len(names)) if self.faults >> n & 1]
        message.put(b'["' + b'","'.join(found) + b'"]' if found else b"[]")
        message.close()

    # asked by the bus

    def wants_reopen(self, asking: bool, now: int) -> str:
        """Why the connection is to be made anew, "" for as long as all is well. asking: the bus polls its packs."""
        if self._reopening:
            return ""
        if asking:
            if self._unanswered < _UNANSWERED or since(now, self._asked_at) < self._limit:
                return ""
            return self._reopen(since(now, self._asked_at))
        if since(now, self._quiet_since) < (self._limit if self._heard else _AGAIN):
            return ""
        return self._reopen(since(now, self._quiet_since))

    def _reopen(self, silent: int) -> str:
        """Said as a warning once, until something comes."""
        text = text_of(texts.GATEWAY_SILENT, self._port, silent // 1000)
        self._log(DEBUG if self.faults & SILENT else WARNING, text)
        self.faults |= SILENT
        self.reopened += 1
        self._reopening = True
        self._limit = _AGAIN
        return text

    def _judge_head(self) -> None:
        """Does what came behind the last request begin with a header that tells its length?"""
        head = self._head
        if self._count < _HEAD:
            return
        if head[2] or head[3] or head[4] or head[5] + 6 != self._count:
            self._headers = 0
            return
        self._headers += 1
        if self._headers == _OFTEN:
            self._found(MODBUS_TCP, texts.GATEWAY_MODBUS)

    def _judge(self, damaged: int) -> None:
        """Count one answer to each request."""
        if self._judged:
            return
        self._judged = True
        self._answers += 1
        self._damaged += damaged
        if self._answers < _WINDOW:
            return
        if self._damaged < _MANY:
            self.faults &= ~LOSSY
        elif not self.faults & LOSSY:
            self.faults |= LOSSY
            say(self._log, WARNING, texts.GATEWAY_LOSSY, self._port, self._damaged, self._answers)
        self._answers = self._damaged = 0

    def _found(self, fault: int, code: int) -> None:
        if not self.faults & fault:
            self.faults |= fault
            say(self._log, WARNING, code, self._port)
