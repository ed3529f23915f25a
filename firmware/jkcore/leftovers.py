"""What an earlier run let people change in Home Assistant, and this one does not.

<base>/<pack>/offered (retained) says on which terms a pack was announced; <base>/bridge/offered, that commands were
taken. A run with other terms finds them and removes what is not offered any more, also of packs that are offline. One
that finds its own has nothing to remove, and one that finds none and takes no commands neither.
Loaded when such a note arrives or is written, then forgotten.
"""

from jkcore import pack as pk
from jkcore.outbox import ANNOUNCE, SWEEP
from jkcore.version import VERSION

CHANGING = b"changing"  # in place of terms, while entities are exchanged
_MOST = 16  # notes of packs nobody knows yet


def terms(desk, pack) -> bytes:
    """What a pack (None: the bridge) is announced with; empty when nothing of it can be changed."""
    if desk is None or pack is not None and not pack.address:
        return b""
    return ("%s %s %s" % (VERSION, desk.terms, desk.chemistry(pack) or "-") if pack is not None else "lock").encode()


def found(bridge, topic: bytes, note) -> None:
    """A retained note has arrived."""
    name = topic.split(b"/")[-2]
    if name == b"bridge":
        if bridge.desk is None:
            bridge.publisher.announce_one(None, ANNOUNCE | SWEEP)
        return
    for bus in bridge.buses:
        for pack in bus.packs:
            if pack.id == name:
                compare(bridge, pack, note)
                return
    if len(bridge.notes) < _MOST:
        bridge.notes[name] = bytes(note)  # it may be heard yet


def compare(bridge, pack, note) -> None:
    """Let the pack be swept if the note about it tells of other terms than ours."""
    pack.notes[pk.STALE] = 0 if note == terms(bridge.desk, pack) else 1
    if pack.notes[pk.STALE]:
        if pack not in bridge.packs:  # it did exist
            bridge.packs.append(pack)
            bridge.publisher.recall(pack)
        bridge.publisher.announce_one(pack, SWEEP)
