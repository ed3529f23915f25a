"""What several keys of a configuration must be together: buses beside each other, packs and their names, the broker.

Each check gets the whole configuration, filled in, and raises ConfigError with a sentence. Loaded by config.load alone.
"""

from jkcore.config_texts import ConfigError

# Their ids would collide with topics of the bridge itself.
RESERVED = ("bridge", "bank")


_MOST_BUSES = 6  # what bridge/health tells of them fits one message (jkcore.message.SIZE)


def check(out, home):
    """All checks. Fills in id and address of the named packs."""
    if len(out["bus"]) > _MOST_BUSES:
        text = "%d [[bus]] entries were found, but a bridge drives at most %d: give the others to a second bridge with "
        raise ConfigError(text % (len(out["bus"]), _MOST_BUSES) + "another `base`.", "bus")
    for n, bus in enumerate(out["bus"]):
        _check_bus(bus, n, len(out["bus"]) > 1)
    _check_ids(out["bus"])
    _check_packs(out)
    _check_mqtt(out, home)


def _name(n, key, several=True):
    """A key of bus number `n`, counted from 0, for a sentence: bus.port, or of several "bus.port of bus 2"."""
    return "bus.%s of bus %d" % (key, n + 1) if several else "bus." + key


def _key(n, key):
    """The same for ConfigError.key."""
    return "bus[%d].%s" % (n, key) if n else "bus." + key


def _check_bus(bus, n, several):
    if bus["name"] in RESERVED:
        text = '%s = "%s" is reserved for topics of the bridge: choose another name. Example: name = "Garage"'
        raise ConfigError(text % (_name(n, "name", several), bus["name"]), _key(n, "name"))
    if bus["prefix"] and not n:
        text = '%s = "%s" is not possible: the ids of the first bus never have a prefix. Remove it here; '
        text += 'a second bus may have one. Example: prefix = "b2-"'
        raise ConfigError(text % (_name(n, "prefix", several), bus["prefix"]), _key(n, "prefix"))
    if bus["prefix"] in RESERVED:
        text = '%s = "%s" is reserved for topics of the bridge: choose another one. Example: prefix = "b%d-"'
        raise ConfigError(text % (_name(n, "prefix"), bus["prefix"], n + 1), _key(n, "prefix"))
    if several and not bus["port"]:
        text = '%s is missing: with several buses each needs its own. Example: port = "tcp://192.168.1.20:8899"'
        raise ConfigError(text % _name(n, "port"), _key(n, "port"))
    if 0 in bus["packs"] and bus["role"] == "poll":
        text = "%s holds address 0: that is the bus master, which answers nobody. Remove it, or let the bridge listen "
        text += 'beside it. Example: packs = "1-4,7" or role = "listen"'
        raise ConfigError(text % _name(n, "packs", several), _key(n, "packs"))


def _check_ids(buses):
    """Ports and ids of two buses must differ, the ids also for Home Assistant, which knows neither case nor "-"."""
    for n, bus in enumerate(buses):
        for m in range(n):
            other = buses[m]
            if bus["port"] == other["port"]:
                text = 'Bus %d and bus %d both have port = "%s": give each a port of its own, or remove one of them.'
                raise ConfigError(text % (m + 1, n + 1, bus["port"]), _key(n, "port"))
            for address in range(16):
                if _plain(bus["prefix"], address) in [_plain(other["prefix"], a) for a in range(16)]:
                    text = 'Bus %d has prefix = "%s" and bus %d has prefix = "%s", so ids such as %s would be the '
                    text += 'same on both: choose another prefix. Example: prefix = "b%d-"'
                    sample = bus["prefix"] + str(address)
                    words = (m + 1, other["prefix"], n + 1, bus["prefix"], sample, n + 1)
                    raise ConfigError(text % words, _key(n, "prefix"))


def _plain(prefix, address):
    return prefix.lower().replace("-", "_") + str(address)


def _check_packs(out):
    """Every [[pack]] entry names a pack of a bus, by its address on the first one or by its id."""
    buses = out["bus"]
    seen = []
    for pack in out["pack"]:
        if pack["id"]:
            n, address = _find(buses, pack["id"])
            key = "pack.id"
            says = 'id = "%s"' % pack["id"]
            if pack["address"] is not None and (n or pack["address"] != address):
                text = "A [[pack]] entry has both address = %d and %s, which are not the same pack: address is for the "
                raise ConfigError(text % (pack["address"], says) + "first bus. Remove one of the two.", "pack.address")
        elif pack["address"] is None:
            text = "A [[pack]] entry lacks its address. Example: address = 1, or of a second bus: id = \"b2-3\""
            raise ConfigError(text, "pack.address")
        else:
            n = 0
            address = pack["address"]
            key = "pack.address"
            says = "address = %d" % address
        if n < 0:
            known = ", ".join([bus["prefix"] + "0 to " + bus["prefix"] + "15" for bus in buses])
            text = "A [[pack]] entry has %s, which is no pack of any bus: allowed are %s. Example: id = \"%s3\""
            raise ConfigError(text % (says, known, buses[-1]["prefix"]), key)
        _check_polled(buses[n], _name(n, "packs", len(buses) > 1), address, says, key)
        pack["id"] = buses[n]["prefix"] + str(address)
        pack["address"] = address
        if pack["id"] in seen:
            text = "Two [[pack]] entries have %s: each pack needs its own. Remove one or correct it."
            raise ConfigError(text % says, key)
        seen.append(pack["id"])


def _find(buses, pack_id):
    """(number of the bus, address) a pack id stands for; (-1, 0) for none."""
    for n, bus in enumerate(buses):
        for address in range(16):
            if pack_id == bus["prefix"] + str(address):
                return n, address
    return -1, 0


def _check_polled(bus, name, address, says, key):
    """The pack must be one the bus may have; who gave no addresses may have any, and the master too."""
    if address in bus["packs"] or bus["scan"] and (address or bus["role"] != "poll"):
        return
    text = "A [[pack]] entry has %s, but %s holds only %s. Add the address to bus.packs or remove the entry. "
    text += 'Example: packs = "1-4,7"'
    raise ConfigError(text % (says, name, ", ".join([str(a) for a in bus["packs"]])), key)


def _check_mqtt(out, home):
    mqtt = out["mqtt"]
    host = mqtt["host"]
    example = '. Example: host = "192.168.1.10"'
    if home == "device" and not host:
        text = "mqtt.host is missing: the device needs the name or address of the MQTT broker. "
        raise ConfigError(text + 'Example: "mqtt": {"host": "192.168.1.10"}', "mqtt." + "host")
    if "/" in host or " " in host or host.count(":") == 1:
        text = 'mqtt.host = "' + host + '" is not possible: allowed is a name or address alone; the port goes '
        raise ConfigError(text + "into mqtt.port, and TLS is switched on by mqtt.tls" + example, "mqtt." + "host")
    for name in ("user", "password", "tls", "ca", "cert", "key"):
        if mqtt[name] and not host:
            text = "mqtt." + name + " is set, but mqtt.host is not: add the broker it belongs to" + example
            raise ConfigError(text, "mqtt." + "host")
    if mqtt["password"] and not mqtt["user"]:
        text = "mqtt.password is set, but mqtt.user is not: MQTT 3.1.1 has no password without a user. "
        raise ConfigError(text + 'Example: user = "jkbridge"', "mqtt." + "user")
    for name in ("ca", "cert", "key"):
        if mqtt[name] and not mqtt["tls"]:
            text = "mqtt." + name + " is set, but mqtt.tls is false, so nothing would be encrypted: "
            raise ConfigError(text + "set tls = true or remove " + name + ".", "mqtt." + "tls")
    for name, other in (("cert", "key"), ("key", "cert")):
        if mqtt[name] and not mqtt[other]:
            text = "mqtt." + name + " is set, but mqtt." + other + " is not: a client certificate needs both files. "
            raise ConfigError(text + 'Example: cert = "client.crt" and key = "client.key"', "mqtt." + other)
    if out["discovery"]["enabled"] and out["base"] == out["discovery"]["prefix"]:
        text = 'base and discovery.prefix are both "' + out["base"] + '", so states and discovery would share '
        raise ConfigError(text + 'topics: change one. Example: base = "jkbms"', "base")
