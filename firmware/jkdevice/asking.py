"""A name looked up without waiting: what the session, a line on TCP and the time server have in common."""


class Asking:
    """Base of those who need the address of a name. lookup: maker of a network.dns.Lookup, set at the start where the
    board's network is ours; None: the system looks names up, which may block.
    """

    def __init__(self):
        self.lookup = None
        self.answered = False  # the last look-up that failed: the server did not know the name
        self._asked = None  # the look-up under way

    def _address_of(self, name, now):
        """The address; None: not yet, ask again. Raises OSError, and the next call begins anew."""
        if self._asked is None:
            self._asked = self.lookup(name, now)
        try:
            address = self._asked.poll(now)
        except Exception:
            self.answered = self._asked.answered
            self._stop_asking()
            raise
        if address is not None:
            self._stop_asking()
        return address

    def _stop_asking(self):
        if self._asked is not None:
            self._asked.close()
            self._asked = None
