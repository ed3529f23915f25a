"""Makes the messages of a pack and of the bridge, each from the newest that is known at that moment."""

from jkcore import pack as pk
from jkcore import payload, status
from jkcore.shim import const, forget

# Pending flags of a pack, in the order of sending
AVAILABILITY = const(1)
CLEARED = const(2)
RAISED = const(4)
SETTING = const(8)
LIVE = const(16)
SETTINGS = const(32)
ABOUT = const(64)
LINK = const(128)
FLAT = const(256)
STATES = const(0x61)  # availability, settings, about: what is retained
MESSAGES = const(0x1FF)
# Discovery, in between at its own pace
ANNOUNCE = const(512)
CLEAR = const(1024)  # entities it has not are removed
SWEEP = const(2048)  # and those an earlier run announced that let it be changed otherwise
# To be looked at
REACH = const(4096)  # its values and the limits of what can be changed


class Outbox:
    """What is pending, as messages. The publisher (publish.py) knows when which of it may go."""

    def __init__(self, bridge, base: str, flat: bool):
        """base: first part of every topic; flat: one more topic per live value."""
        self.bridge = bridge
        self._base = base.encode()
        self._flat = flat
        self._served = -1  # index of the pack whose message was the last

    def put_state(self, message, online: bool) -> None:
        """bridge/state"""
        self._start(message, None, b"state", True)
        message.put(b"online" if online else b"offline")

    def put_info(self, message) -> None:
        """bridge/info"""
        self._start(message, None, b"info", True)
        status.put_info(message, self.bridge)

    def put_health(self, message, now: int) -> None:
        """bridge/health"""
        self._start(message, None, b"health", False)
        status.put_health(message, self.bridge, now)

    def _start(self, message, pack, topic, retain: bool) -> None:
        """Topic of a message of a pack (None: of the bridge)."""
        message.start(retain)
        message.put(self._base)
        message.put_byte(47)
        message.put(pack.id if pack is not None else b"bridge")
        message.put_byte(47)
        message.put(topic)
        if topic:
            message.body()

    def put_pack(self, message, flags: int, now: int) -> bool:
        """The next pending message of the packs among `flags`; the packs take turns."""
        packs = self.bridge.packs
        for _ in range(len(packs)):
            self._served = (self._served + 1) % len(packs)
            pack = packs[self._served]
            pending = pack.pending & flags
            while pending:
                flag = pending & -pending
                pending &= ~flag
                pack.pending &= ~flag
                if self._put_flag(message, pack, flag, now):
                    return True
        return False

    def _put_flag(self, message, pack, flag: int, now: int) -> bool:
        if flag == LIVE:
            if self._flat:
                pack.pending |= FLAT
                pack.notes[pk.FLAT_ROW] = 0
            return self._put_frame(message, pack, 2, b"live", False)
        if flag == AVAILABILITY:
            self._start(message, pack, b"availability", True)
            message.put(b"online" if pack.online else b"offline")
            return True
        if flag == SETTINGS:
            return self._put_frame(message, pack, 1, b"settings", True)
        if flag == ABOUT:
            return self._put_frame(message, pack, 3, b"about", True)
        if flag == FLAT:
            return self._put_flat(message, pack)
        if flag == LINK:
            self._start(message, pack, b"link", False)
            status.put_link(message, pack, now)
            return True
        from jkcore import events

        self._start(message, pack, b"event", False)
        found = events.put_event(message, pack, flag)
        forget("events")
        return found

    def _put_frame(self, message, pack, frame_type: int, topic, retain: bool) -> bool:
        if not pack.holds(frame_type):
            return False
        self._start(message, pack, topic, retain)
        message.open()
        payload.put_values(message, pack, frame_type, False)
        message.close()
        return True

    def _put_flat(self, message, pack) -> bool:
        """One value a message: the next row of the live frame."""
        row = payload.next_row(pack, 2, pack.notes[pk.FLAT_ROW])
        pack.notes[pk.FLAT_ROW] = row + 1
        if row < 0:
            return False
        pack.pending |= FLAT
        self._start(message, pack, b"", False)
        payload.put_flat(message, pack, row)
        return True
