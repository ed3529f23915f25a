"""Makes the buses of a bridge and the packs on them, as the configuration says. At the start, and for a pack that is
heard later."""

from jkcore.pack import STALE, Pack


class Makers:
    """One per bridge. What only some configurations need is loaded for those alone."""

    def __init__(self, bridge, config: dict):
        """config: the complete configuration."""
        self._bridge = bridge
        self._interval = 1000 * config["interval"]
        self._several = len(config["bus"]) > 1
        self._names = {}  # what people call a pack, by its id
        self._halves = {}  # halves of pairs, by prefix of their bus and address
        for entry in config["pack"]:
            if entry["pair"]:
                from jkcore.pairing import halve

                halve(entry, config["bus"], self._halves, bridge.log)
            self._names[entry["id"]] = entry["name"]

    def bus(self, config: dict):
        """A bus with its packs; config: one bus of the configuration."""
        bridge = self._bridge
        # On CAN packs speak unasked: where none is named, nobody has to be expected.
        unknown = config["kind"] == "can" and config["scan"]
        packs = [] if unknown else [self.pack(config, address) for address in config["packs"]]
        if not config["scan"]:  # else they exist once they have answered: Bridge.came_online
            bridge.packs.extend([pack for pack in packs if pack.owner is None or pack.owner is pack])
        log = bridge.log
        if self._several:
            from jkcore.named import Named

            log = Named(log, label(config))
        publisher = bridge.publisher
        if self._halves:
            from jkcore.pairing import Pairing

            publisher = Pairing(publisher, self._halves, log)
        if config["kind"] == "can":
            from jkcore.canbus import CanBus

            bus = CanBus(config, packs, self._interval, log, publisher)
        else:
            from jkcore.rs485 import Rs485Bus

            bus = Rs485Bus(config, packs, self._interval, log, publisher, int(bridge.instance[-4:], 16))
            if bridge.desk is not None and bus.gaps is None:
                bus.use_gaps()
        if self._halves:
            publisher.join(bus)
        return bus

    def pack(self, bus: dict, address: int):
        """The pack at an address of a bus; bus: its configuration."""
        half = self._halves.get((bus["prefix"], address))
        if half is not None:
            return self._unsure(half)
        pack_id = bus["prefix"] + str(address)
        name = self._names.get(pack_id) or "JK pack " + pack_id
        if bus["kind"] == "can":
            from jkcore.canpack import CanPack

            return CanPack(pack_id.encode(), address, name, bus["sign"] == "inverted")
        return self._unsure(Pack(pack_id.encode(), address, name))

    def _unsure(self, pack):
        """Where commands are taken it is not known yet what an earlier run has offered to change (leftovers.py)."""
        if self._bridge.desk is not None and pack.address:
            pack.notes[STALE] = 1
        return pack


def label(bus: dict) -> str:
    """What people know a bus by: its name, or its port. bus: its configuration."""
    return bus["name"] or bus["port"]
