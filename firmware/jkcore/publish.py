"""What is due to be sent, and the next message of it.

Nothing is queued: a pack has flags for what is pending, and a message is made from its newest frame at the moment the
session can take it. A broker that stalls therefore gets new values afterwards, never old ones.

After every connect: discovery, availability of the packs, retained states, then bridge/state online; the states once
more about a second later, because Home Assistant subscribes to a new entity a little after it heard of it. The bridge
does not stay offline for a long announcement: after `_HOLD` what is left of it is sent behind.
"""

from jkcore import pack as pk
from jkcore.clock import after, reached, since, until
from jkcore.fields import table
from jkcore.outbox import (
    ABOUT,
    ANNOUNCE,
    AVAILABILITY,
    CLEAR,
    FLAT,
    LINK,
    LIVE,
    MESSAGES,
    REACH,
    SETTINGS,
    STATES,
    SWEEP,
    Outbox,
)  # fmt: skip
from jkcore.shim import const, forget

# Phases of the session
DOWN = const(0)
ANNOUNCING = const(1)
ONLINE = const(2)
STOPPED = const(3)

_HOLD = const(10000)
_REPEAT = const(1000)
_FRESH = const(2000)  # a live reading this much older than the interval is not sent again
_LINK_EVERY = const(10000)
_HEALTH_EVERY = const(10000)

_ALARMS = table.find("alarms", 2)


class Publisher(Outbox):
    """Flags in, messages out. One per bridge."""

    def __init__(self, bridge, config: dict, per_second: int):
        """config: the complete configuration; per_second: discovery messages a second at most."""
        super().__init__(bridge, config["base"], config["flat"])
        self._prefix = config["discovery"]["prefix"] if config["discovery"]["enabled"] else None
        self._interval = config["interval"]
        self._pace = 1000 // per_second
        self.phase = DOWN
        self.messages = 0
        self.dropped = 0  # messages that did not fit the buffer
        self._info = False
        self._health = False
        self._state = False
        self._health_at = 0
        self._repeat_at = -1
        self._connected_at = 0
        self._announce_at = 0  # no discovery message before this
        self._discovery = None  # while something is announced
        self._own = 0  # what is to be told about the bridge's own entities: flags of outbox.py
        self._telling = None  # the pack being announced
        self._step = 0

    # told by the session

    def connected(self, now: int) -> None:
        self.phase = ANNOUNCING
        self._connected_at = now
        self._health_at = now
        for pack in self.bridge.packs:
            pack.notes[pk.LINK_AT] = now
        self.announce(now)
        self._repeat_at = -1

    def disconnected(self) -> None:
        if self.phase != STOPPED:
            self.phase = DOWN

    def is_down(self) -> bool:
        """True when nothing may be published."""
        return self.phase == DOWN

    def announce(self, now: int) -> None:
        """Send discovery of everything again (Home Assistant has started)."""
        if self.phase == STOPPED:
            return
        if self._prefix is not None:
            self._own |= ANNOUNCE
        self._discovery = None
        self._announce_at = now
        for pack in self.bridge.packs:
            if pack.announced >= 0 and self._own:
                pack.pending |= ANNOUNCE
        self._states_again(now)
        self._repeat_at = after(now, _REPEAT)

    def _states_again(self, now: int) -> None:
        """All states once more; live values only while they are fresh."""
        self._repeat_at = -1
        for pack in self.bridge.packs:
            fresh = pack.online and since(now, pack.last_live) <= 1000 * self._interval + _FRESH
            pack.pending = pack.pending & ~(LIVE | FLAT) | STATES | (LIVE if fresh else 0)

    def stop(self) -> None:
        """Say offline for every pack and the bridge, then nothing more."""
        self.phase = STOPPED
        self._state = True
        for pack in self.bridge.packs:
            pack.pending = AVAILABILITY
            pack.online = False

    # told by the buses

    def live(self, pack, now: int) -> None:
        """A good live frame of this pack is kept."""
        if self.phase == STOPPED:
            return
        pack.pending |= LIVE
        if not pack.online:
            pack.online = True
            pack.pending |= AVAILABILITY | LINK
            pack.notes[pk.FIRST_LIVE] = pack.notes[pk.LINK_AT] = now
            self.bridge.came_online(pack)
        low = pack.half(_ALARMS, False)
        high = pack.half(_ALARMS, True)
        more = pack.more_alarms()
        seen = pack.notes
        untold = pack.untold()
        if untold and seen[pk.ALARMS_SEEN] >= 0:
            high |= seen[pk.ALARMS_SEEN + 1] & untold & 0xFFFF
            if untold >> 16:
                more = seen[pk.ALARMS_SEEN + 2]
        if seen[pk.ALARMS_SEEN] != low or seen[pk.ALARMS_SEEN + 1] != high or seen[pk.ALARMS_SEEN + 2] != more:
            from jkcore import events

            pack.pending |= events.note_alarms(self.bridge.log, pack, low, high, more)
            forget("events")

    def rare(self, pack, frame_type: int) -> None:
        """New settings or about data of this pack are kept."""
        pack.pending |= SETTINGS if frame_type == 1 else ABOUT
        if pack.holds(1):  # what it has of settings depends on the firmware
            pack.pending |= SETTINGS
        if self.bridge.desk is not None:
            pack.pending |= REACH

    def settings_changed(self, pack, frame) -> None:
        """The battery's settings differ from those kept."""
        from jkcore import events

        pack.pending |= events.note_settings(self.bridge.log, pack, frame, self.bridge.desk)
        forget("events")

    def went_offline(self, pack) -> None:
        pack.pending = (pack.pending | AVAILABILITY | LINK) & ~(LIVE | FLAT)

    def recall(self, pack) -> None:
        """A pack that has not answered in this run is known from an earlier one."""
        pack.pending |= AVAILABILITY

    def announce_one(self, pack, flags: int) -> None:
        """Tell Home Assistant about a pack (None: the bridge itself), from the beginning. flags of outbox.py."""
        if self._prefix is None:
            return
        if pack is None:
            self._own = flags
        else:
            pack.pending |= flags
        if self._discovery is not None:
            self._discovery.begin_again(pack)

    def new_pack(self, bus, address: int):
        return self.bridge.new_pack(bus, address)

    def tell_health(self) -> None:
        """The state of a bus has changed: say so at once."""
        self._health = True

    def tell_info(self) -> None:
        """The role of a bus has changed: bridge/info says so."""
        self._info = self.phase == ONLINE or self._info

    def say_online(self) -> None:
        """Somebody's will or goodbye overwrote our state, perhaps that of our packs too: correct it."""
        if self.phase == ONLINE:
            self._state = True
            for pack in self.bridge.packs:
                pack.pending |= AVAILABILITY

    # time

    def tick(self, now: int) -> None:
        """Every quarter of a second: what has become due by itself."""
        if self.phase == DOWN or self.phase == STOPPED:
            return
        for pack in self.bridge.packs:
            if reached(now, pack.notes[pk.LINK_AT]):
                pack.notes[pk.LINK_AT] = after(now, _LINK_EVERY)
                pack.pending |= LINK
            # Announced when what it has is known, and again when that changes.
            if pack.online and pack.introduced(since(now, pack.notes[pk.FIRST_LIVE])):
                if pack.pending & REACH:
                    from jkcore import offers

                    offers.look(self.bridge.desk, pack, self._discovery)
                    if self._discovery is None:  # else it uses them
                        forget("offers")
                        forget("leftovers")
                signature = pack.signature() ^ pack.notes[pk.WIDENED]
                if signature != pack.announced:
                    pack.announced = signature
                    if not self._announcing():
                        self._announce_at = now  # its last value may be too old to compare with
                    self.announce_one(pack, ANNOUNCE | CLEAR | (SWEEP if pack.notes[pk.STALE] else 0))
        if reached(now, self._health_at):
            self._health_at = after(now, _HEALTH_EVERY)
            self._health = True
        if self._repeat_at >= 0 and reached(now, self._repeat_at):
            self._states_again(now)

    def sleep_ms(self, now: int) -> int:
        """How long nothing becomes due here by itself."""
        if self.phase == DOWN:
            return 1000
        return until(now, self._announce_at) if self._announcing() else 250

    # messages

    def next_message(self, message, now: int) -> bool:
        """Write the next message; False when nothing is due."""
        if self.phase == DOWN:
            return False
        found = self._find(message, now)
        while found and message.overflow:
            self.dropped += 1
            found = self._find(message, now)
        if found:
            self.messages = (self.messages + 1) & 0x3FFFFFFF
        return found

    def _find(self, message, now: int) -> bool:
        if self.bridge.desk is not None and self.bridge.desk.put_result(message):
            return True
        if self.phase == STOPPED:
            return self.put_pack(message, AVAILABILITY, now) or self._state and self._put_state(message)
        if self.phase == ANNOUNCING:
            if self._announcing() and since(now, self._connected_at) < _HOLD:
                # Values that are not retained flow on.
                return self.put_pack(message, MESSAGES & ~STATES, now) or self._put_discovery(message, now)
            # Retained states of all packs first, then the bridge itself.
            if self.put_pack(message, STATES, now):
                return True
            self.phase = ONLINE
            self._info = True
            self._repeat_at = after(now, _REPEAT)
            return self._put_state(message)
        if self._state:
            return self._put_state(message)
        # An overloaded session must not starve the bridge's own messages, nor discovery.
        if self.messages & 15 == 15:
            return self._put_own(message, now) or self.put_pack(message, MESSAGES, now)
        return self.put_pack(message, MESSAGES, now) or self._put_own(message, now)

    def _put_own(self, message, now: int) -> bool:
        """The next message of the bridge itself, or of discovery."""
        if self._info:
            self._info = False
            self.put_info(message)
            return True
        if self._health:
            self._health = False
            self.put_health(message, now)
            return True
        return self._put_discovery(message, now)

    def _announcing(self) -> bool:
        for pack in self.bridge.packs:
            if pack.pending & (ANNOUNCE | SWEEP):
                return True
        return self._own > 0

    def _put_state(self, message) -> bool:
        self._state = False
        self.put_state(message, self.phase != STOPPED)
        return True

    # discovery

    def _put_discovery(self, message, now: int) -> bool:
        """The next discovery message, at its pace: the bridge first, then one pack after the other."""
        if not reached(now, self._announce_at):
            return False
        if self._own:
            if self._put_entity(message, None, now):
                return True
            self._own = 0
        for pack in self.bridge.packs:
            if pack.pending & (ANNOUNCE | SWEEP):
                if self._put_entity(message, pack, now):
                    return True
                pack.pending &= ~(ANNOUNCE | CLEAR | SWEEP)
                self._repeat_at = after(now, _REPEAT)
        if self._discovery is not None:
            self._discovery = None
            forget("discovery")
            forget("words")
            forget("offers")
            forget("leftovers")
            if self.bridge.desk is None:  # else it knows whether they are in use
                forget("writes")
        return False

    def _put_entity(self, message, pack, now: int) -> bool:
        """The next entity of this pack (None: of the bridge); False when all have been told."""
        if self._discovery is None:
            from jkcore.discovery import Discovery

            told = self.bridge.machine is not None
            self._discovery = Discovery(self._prefix, self._base.decode(), self._interval, self.bridge.desk, told)
        if self._discovery.put(message, pack, pack.pending if pack is not None else self._own):
            self._announce_at = after(now, self._pace)
            return True
        return False
