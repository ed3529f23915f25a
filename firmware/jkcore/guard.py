"""Two bridges on one topic base would mix their values: the second one is refused, with a sentence.

A live bridge sends bridge/health every 10 s with its `instance`. Before the first publication the retained state is
looked at: "offline", or nothing, and we begin. "online" may be left over from a bridge that lost power with its broker,
so a sign of life is waited for; without one the base is taken over.
"""

from jkcore.clock import since
from jkcore.log import ERROR, INFO, WARNING
from jkcore.shim import const

ASKING = const(0)  # waiting for what is retained
DOUBTING = const(1)  # somebody said online: is it alive?
CLEAR = const(2)
REFUSED = const(3)

_ASK = const(1000)
_DOUBT = const(25000)  # two and a half times its health period
_GONE = const(60000)
_KEY = b'"instance":"'


class Guard:
    """Tells whether this bridge may publish."""

    def __init__(self, base: str, instance: bytes, log, clear: bool):
        """clear: the base is ours, but somebody else was heard just now."""
        self._base = base
        self._instance = instance
        self._log = log
        self.state = CLEAR if clear else ASKING
        self._since = 0
        self._online = False

    def connected(self, now: int) -> None:
        """A session is up: look at what is retained."""
        self.state = ASKING
        self._online = False
        self._since = now

    def heard_state(self, online: bool, now: int) -> None:
        """bridge/state came."""
        if self.state == ASKING:
            self._online = online
        elif self.state != CLEAR and not online:
            self._log(INFO, "the other bridge has gone offline")
            self.state = CLEAR

    def heard_other(self, payload: bytes, now: int) -> None:
        """bridge/health came, perhaps only how it begins, not retained: is it somebody else, alive?"""
        other = instance_of(payload)
        if not other or other == self._instance:
            return
        if self.state == CLEAR and other > self._instance:
            return  # it is the one to yield
        if self.state != REFUSED:
            text = (
                "another bridge (instance %s) publishes under the topic base '%s': nothing is published from here. "
                "Stop one of the two, or give this one another `base`"
            )
            self._log(ERROR, text % (other.decode(), self._base))
        self.state = REFUSED
        self._since = now

    def is_refused(self) -> bool:
        """True while another bridge has the base."""
        return self.state == REFUSED

    def may_publish(self, now: int) -> bool:
        """True when the base is ours."""
        if self.state == CLEAR:
            return True
        waited = since(now, self._since)
        if self.state == ASKING and waited >= _ASK:
            if not self._online:
                self.state = CLEAR
                return True
            self._log(WARNING, "the topic base '%s' says a bridge is online: waiting %d s for a sign of life of it"
                % (self._base, _DOUBT // 1000))  # fmt: skip
            self.state = DOUBTING
            self._since = now
        elif self.state == DOUBTING and waited >= _DOUBT or self.state == REFUSED and waited >= _GONE:
            self._log(INFO, "no other bridge is heard any more: publishing")
            self.state = CLEAR
        return self.state == CLEAR


def instance_of(payload) -> bytes:
    """The value of "instance" in a bridge/health message, b"" when there is none."""
    start = payload.find(_KEY)
    if start < 0:
        return b""
    start += len(_KEY)
    end = payload.find(b'"', start)
    return bytes(payload[start:end]) if 0 < end - start <= 32 else b""
