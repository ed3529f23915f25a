"""What several keys of a configuration must be together: buses beside each other, packs and their names, the broker.

Each check gets the whole configuration, filled in, and raises ConfigError with a sentence. Loaded by config.load alone.
"""

from jkcore.config_texts import ConfigError, as_json

# Their ids would collide with topics of the bridge itself.
RESERVED = ("bridge", "bank")


_MOST_BUSES = 6  # what bridge/health tells of them fits one message (jkcore.message.SIZE)


def check(out, home):
    """All checks. Fills in id and address of the named packs."""
    try:
        _check(out, home)
    except ConfigError as error:
        if home != "device":
            raise
        raise ConfigError(as_json(str(error)), error.key)


def _check(out, home):
    if len(out["bus"]) > _MOST_BUSES:
        text = "%d [[bus]] entries were found, but a bridge drives at most %d: give the others to a second bridge with "
        raise ConfigError(text % (len(out["bus"]), _MOST_BUSES) + "another `base`.", "bus")
    for n, bus in enumerate(out["bus"]):
        _check_kind(bus, n, len(out["bus"]) > 1, home)
        _check_bus(bus, n, len(out["bus"]) > 1)
    _check_ids(out["bus"])
    _check_packs(out)
    _check_mqtt(out, home)
    if home == "device":
        _check_wifi(out["wifi"])


def _name(n, key, several=True):
    """A key of bus number `n`, counted from 0, for a sentence: bus.port, or of several "bus.port of bus 2"."""
    return "bus.%s of bus %d" % (key, n + 1) if several else "bus." + key


def _key(n, key):
    """The same for ConfigError.key."""
    return "bus[%d].%s" % (n, key) if n else "bus." + key


# What only one kind of bus has, and its default
_ONLY = {
    "can": (("interface", ""), ("channel", ""), ("bitrate", 0), ("listen_only", True), ("probe", False),
            ("sign", "normal")),
    "serial": (("baud", 115200), ("ask_about", False)),
}  # fmt: skip


def _check_kind(bus, n, several, home):
    """Keys of the other kind of bus are slips, and none of this one. Gives a CAN bus of the host its port."""
    kind = bus["kind"]
    other = "serial" if kind == "can" else "can"
    for key, default in _ONLY[other]:
        if bus[key] != default:
            text = '%s is for kind = "%s", but this bus is %s: remove it, or correct kind. Example: kind = "%s"'
            raise ConfigError(text % (_name(n, key, several), other, kind, other), _key(n, key))
        del bus[key]
    if kind != "can":
        return
    if bus["role"] == "poll":
        text = '%s = "poll" is not possible on CAN: the bridge only listens there. Remove it.'
        raise ConfigError(text % _name(n, "role", several), _key(n, "role"))
    if home == "device":
        return
    if bus["port"]:
        text = '%s is for kind = "serial": a CAN bus is named by interface and channel. Example: channel = "can0"'
        raise ConfigError(text % _name(n, "port", several), _key(n, "port"))
    if not bus["channel"]:
        text = '%s is missing: the name or number of the adapter. Example: channel = "can0"'
        raise ConfigError(text % _name(n, "channel", several), _key(n, "channel"))
    bus["interface"] = bus["interface"] or "socketcan"
    bus["port"] = bus["interface"] + ":" + bus["channel"]


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
        text = "%s is missing: with several buses each needs its own. "
        if bus["kind"] == "can":
            text += "On CAN it is the name of the line in the board file."
        else:
            text += 'Example: port = "tcp://192.168.1.20:8899"'
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
        pack["pair"] = None
        if pack["rs485"] is not None or pack["can"] is not None:
            _check_pair(pack, buses, seen)
            continue
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
        seen.append((buses[n]["prefix"], address))


def _check_pair(pack, buses, seen):
    """One battery on two buses. Gives it its pair: prefix and address on RS485, prefix and address on CAN."""
    example = '. Example: id = "1", rs485 = 1, can = 0'
    for key, other in (("rs485", "can"), ("can", "rs485")):
        if pack[key] is None:
            text = "A [[pack]] entry has %s, but no %s: one battery on two buses needs both%s"
            raise ConfigError(text % (other, key, example), "pack." + key)
    if not pack["id"] or pack["address"] is not None:
        text = "A [[pack]] entry with rs485 and can needs an id, and no address%s"
        raise ConfigError(text % example, "pack.address" if pack["id"] else "pack.id")
    if pack["id"] in RESERVED:
        text = '[[pack]] id = "%s" is reserved for topics of the bridge: choose another one%s'
        raise ConfigError(text % (pack["id"], example), "pack.id")
    pair = []
    for kind, key in (("serial", "rs485"), ("can", "can")):
        found = [bus for bus in buses if bus["kind"] == kind]
        if not found:
            text = "A [[pack]] entry has %s = %d, but no bus has kind = \"%s\": add one, or remove it%s"
            raise ConfigError(text % (key, pack[key], kind, example), "pack." + key)
        named = [bus for bus in found if pack["id"] == bus["prefix"] + str(pack[key])]
        bus = (named or found)[0]
        if not bus["scan"] and pack[key] not in bus["packs"]:
            text = "A [[pack]] entry has %s = %d, which is not among the packs of that bus: add it there%s"
            raise ConfigError(text % (key, pack[key], example), "pack." + key)
        pair += [bus["prefix"], pack[key]]
    own = [bus["prefix"] + str(address) for bus in buses for address in range(16)]
    if pack["id"] in own and pack["id"] not in (pair[0] + str(pair[1]), pair[2] + str(pair[3])):
        text = '[[pack]] id = "%s" is that of another battery: take the id of this one, or a word of your own%s'
        raise ConfigError(text % (pack["id"], example), "pack.id")
    parts = [pack["id"], (pair[0], pair[1]), (pair[2], pair[3])]
    if [part for part in parts if part in seen]:
        text = 'Two [[pack]] entries are for the same battery as id = "%s": remove one or correct it.'
        raise ConfigError(text % pack["id"], "pack.id")
    seen.extend(parts)
    pack["address"] = pack["rs485"]
    pack["pair"] = pair


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
    if home == "device" and mqtt["tls"] and not mqtt["ca"]:
        text = "mqtt.ca is missing: a device knows no authorities by itself, so TLS needs the file with the "
        raise ConfigError(text + 'certificate of the broker\'s. Example: "ca": "ca.crt"', "mqtt." + "ca")
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


def _check_wifi(wifi):
    """In bytes (IEEE 802.11): an SSID has 32 at most; WPA a passphrase of 8 to 63, or a key of 64 hex digits."""
    if len(wifi["ssid"].encode()) > 32:
        text = "wifi.ssid is longer than 32 bytes, which no WiFi has (an umlaut counts two): correct it. "
        raise ConfigError(text + 'Example: ssid = "MyWiFi"', text[: text.find(" ")])
    word = wifi["password"]
    size = len(word.encode())
    if 0 < size < 8 or size > 64 or size == 64 and [c for c in word if c not in "0123456789abcdefABCDEF"]:
        text = "wifi.password cannot be right: WPA has 8 to 63 characters, an open WiFi none. Correct it; for an open "
        raise ConfigError(text + 'WiFi remove it. Example: password = "secret12"', text[: text.find(" ")])
