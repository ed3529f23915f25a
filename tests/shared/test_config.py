"""The configuration schema: what is accepted, what is filled in, and the sentence for what is refused."""

from jkcore import config, log

ON_CAN = ("bus.interface", "bus.channel", "bus.bitrate", "bus.listen_only", "bus.probe", "bus.sign")
CAN = {"kind": "can"}


def refused(raw, *words, home="host"):
    """The sentence raised for raw, which must contain all words."""
    try:
        config.load(raw, home)
    except config.ConfigError as e:
        text = str(e)
        for word in words:
            assert word in text, (word, text)
        return e
    raise AssertionError("accepted: " + repr(raw))


TWO = [{"port": "/dev/ttyUSB0"}, {"port": "tcp://gateway:8899"}]


def test_empty_configuration_is_complete_on_the_host():
    out = config.load({}, "host")
    assert out["interval"] == 5 and out["base"] == "jkbms" and out["log"] == "info" and out["flat"] is False
    every = list(range(1, 16))
    bus = {"kind": "serial", "port": "", "baud": 115200, "packs": every, "name": "", "prefix": "", "scan": True}
    bus.update({"role": "auto", "ask_about": False})
    assert out["bus"] == [bus]
    assert config.load({"bus": {"packs": "2"}}, "host")["bus"][0]["scan"] is False
    assert out["mqtt"]["host"] == "" and out["mqtt"]["port"] == 1883 and out["mqtt"]["keepalive"] == 15
    assert out["discovery"] == {"enabled": True, "prefix": "homeassistant", "status": "homeassistant/status"}
    assert out["pack"] == []
    for row in config.rows():
        table, dot, name = row[0].partition(".")
        if not dot:
            assert table in out
        elif "h" in row[5] and table != "pack":
            where = out[table][0] if table == "bus" else out[table]
            assert (name in where) == (row[0] not in ON_CAN), row[0]


def test_every_default_and_example_is_itself_allowed():
    for row in config.rows():
        table, dot, name = row[0].partition(".")
        value = row[4]
        if row[1] == "int":
            value = int(value)
        elif row[1] == "bool":
            assert value in ("true", "false")
            value = value == "true"
        raw = {
            "mqtt": {"host": "broker", "user": "u", "tls": True, "ca": "a", "cert": "c", "key": "k"},
            "bus": {"packs": "1-15"},
        }
        if not dot:
            raw[table] = value
        elif table == "pack" and name not in ("rs485", "can"):
            raw["pack"] = [{"address": 3, "name": "three"}]
            raw["pack"][0][name] = value
            if name == "id":
                del raw["pack"][0]["address"]
                raw["bus"] = TWO
        elif row[0] == "bus.prefix":
            raw["bus"] = [{"port": "a"}, {"port": "b", name: value}]
        elif row[0] in ON_CAN or row[0] == "bus.kind":
            raw["bus"] = dict(CAN)
            raw["bus"][name] = value
        elif name in ("rs485", "can"):
            raw["pack"] = [{"id": "1", "rs485": 1, "can": 0}]
            raw["pack"][0][name] = value
            raw["bus"] = [{"port": "a"}, dict(CAN)]
        else:
            raw.setdefault(table, {})[name] = value
        for home in ("host", "device"):
            if home[0] in row[5]:
                assert config.load(at_home(raw, home), home)


def at_home(raw, home):
    """A CAN bus has a channel on the host, a port on the device."""
    out = {key: raw[key] for key in raw}
    buses = raw["bus"] if isinstance(raw["bus"], list) else [raw["bus"]]
    out["bus"] = [dict(bus) for bus in buses]
    for bus in out["bus"]:
        if bus.get("kind") == "can":
            bus.update({"channel": "can0"} if home == "host" else {"port": "can"})
    return out


def test_given_values_survive_and_the_input_is_left_alone():
    raw = {
        "interval": 0,
        "bus": [{"port": "/dev/ttyACM0", "packs": "1-3, 7"}],
        "mqtt": {"host": "b", "tls": True},
        "pack": [{"address": 7, "name": 'Keller "links"'}],
        "discovery": {"enabled": False},
    }
    out = config.load(raw, "host")
    assert out["interval"] == 0
    assert out["bus"][0]["packs"] == [1, 2, 3, 7]
    assert raw["bus"][0]["packs"] == "1-3, 7" and "baud" not in raw["bus"][0]
    assert out["mqtt"]["port"] == 8883
    assert out["pack"][0]["name"] == 'Keller "links"'
    assert out["discovery"]["enabled"] is False and out["discovery"]["prefix"] == "homeassistant"
    raw["mqtt"]["port"] = 1884
    assert config.load(raw, "host")["mqtt"]["port"] == 1884
    assert config.load({"mqtt": {"host": None}, "bus": None, "pack": None}, "host")["mqtt"]["host"] == ""


def test_packs_in_every_spelling():
    for value, wanted in (
        ([3, 1], [3, 1]),
        ("4", [4]),
        (4, [4]),
        ("1-4,7", [1, 2, 3, 4, 7]),
        (" 15 , 1 - 2", [15, 1, 2]),
        ("2-2", [2]),
        ("0-2", [0, 1, 2]),
        (0, [0]),
    ):
        assert config.parse_packs(value) == wanted, value
    for value, word in (
        ([], "empty"),
        ("", "neither"),
        ("1,,2", "neither"),
        ("4-1", "backwards"),
        ("1-99", "highest"),
        ([-1], "no address"),
        ([1, 1], "twice"),
        ("1-3,2", "twice"),
        ([16], "16"),
        ("1-2-3", "neither"),
        ("x", "neither"),
        ("-1", "neither"),
        ([True], "true"),
        (["1"], "no address"),
        ({}, "list"),
        (None, "list"),
        (1.5, "list"),
        ("\u0661", "neither"),
        ("9" * 400, "neither"),
    ):
        e = refused({"bus": {"packs": value if value is not None else {}}}, "bus.packs", "1 to 15", 'packs = "1-4,7"')
        assert word in str(e) or value is None, (value, str(e))
        assert e.key == "bus.packs"


def test_unknown_keys_name_the_nearest_known_one():
    refused(
        {"bus": {"prot": "/dev/ttyUSB0"}},
        "Unknown key bus.prot.",
        "Did you mean bus.port?",
        'port = "/dev/ttyUSB0"',
    )
    refused({"intervall": 5}, "Unknown key intervall.", "Did you mean interval?", "interval = 5")
    refused({"host": "x"}, "Unknown key host.", "Did you mean mqtt.host?", "[mqtt] host")
    refused({"mqqt": {}}, "Unknown key mqqt.", "Did you mean mqtt?")
    refused({"mqtt": {"Host": "x"}}, "Did you mean mqtt.host?")
    refused({"packs": [1]}, "Did you mean bus.packs?")
    known = "Known in [bus]: kind, port, interface, channel, bitrate, listen_only, probe, sign, baud, packs, role, "
    known += "ask_about, name, prefix."
    refused({"bus": {"zebra": 1}}, "Unknown key bus.zebra.", known)
    assert "Did you mean" not in str(refused({"bus": {"zebra": 1}}))
    refused({"bus": {"prot": 1}}, 'Example: "bus": {"port": "tcp://192.168.1.20:8899"}.', home="device")


def test_a_misspelt_or_mistyped_password_is_not_repeated():
    assert "hunter2" not in str(refused({"mqtt": {"passwrod": "hunter2"}}, "mqtt.password"))
    assert "12345678" not in str(refused({"mqtt": {"password": 12345678}}, "mqtt.password = ***"))


def test_wrong_types_and_ranges_say_key_finding_limits_and_example():
    for raw, words in (
        ({"interval": "5"}, ('interval = "5" (text)', "0 to 3600", "interval = 5")),
        ({"interval": 1.5}, ("interval = 1.5", "whole number")),
        ({"interval": True}, ("interval = true", "whole number")),
        ({"interval": 3601}, ("interval = 3601", "0 to 3600")),
        ({"interval": -1}, ("interval = -1", "0 to 3600")),
        ({"interval": 1 << 40}, ("0 to 3600",)),
        ({"base": "a/b"}, ('base = "a/b"', "A-Z a-z")),
        ({"base": ""}, ('base = ""', "1 to 32")),
        ({"base": "k\u00e4fer"}, ("base",)),
        (
            {"log": "verbose"},
            ('log = "verbose"', "trace, debug, info, warning, error, fatal", 'log = "info"'),
        ),
        ({"flat": "yes"}, ('flat = "yes"', "true and false")),
        ({"flat": 1}, ("flat = 1", "true and false")),
        ({"bus": {"baud": 115800}}, ("bus.baud = 115800", "115200")),
        ({"bus": {"kind": "usb"}}, ('bus.kind = "usb"', "serial, can")),
        ({"bus": {"port": 5}}, ("bus.port = 5", "text in quotes")),
        ({"bus": {"port": "a\nb"}}, ("bus.port",)),
        ({"bus": 3}, ("bus must be a table", "3")),
        ({"bus": [3]}, ("every entry must be a table", "3")),
        ({"mqtt": [{}]}, ("mqtt must be a table", "a list")),
        ({"pack": {"address": 1}}, ("pack must be a list of tables", "[[pack]]")),
        ({"mqtt": {"port": 0}}, ("mqtt.port = 0", "1 to 65535")),
        ({"discovery": {"prefix": "a/#"}}, ('discovery.prefix = "a/#"', "wildcards")),
        ({"discovery": {"status": "/x"}}, ("discovery.status",)),
        ([], ("set of keys", "a list")),
    ):
        refused(raw, *words)
    refused({"interval": "5", "mqtt": {"host": "b"}}, '"interval": 5', home="device")


def test_a_device_is_given_examples_in_json():
    for raw, words in (
        ({"wifi": "MyWiFi"}, ('"wifi": {"ssid": "MyWiFi"}',)),
        ({"bus": [3]}, ('Example: "bus": {"port": ',)),
        ({"pack": {"address": 1}}, ('Example: "pack": [{"',)),
        ({"mqtt": {"pasword": "x"}}, ('Example: "mqtt": {"password": "secret"}.', "Known in mqtt: ")),
        ({"mqtt": {"host": "b:1884"}}, ('Example: "host": "192.168.1.10"',)),
        ({"bus": "rs485"}, ('Example: "bus": {"port": "tcp://192.168.1.20:8899"}',)),
        ({"capture": 5}, ('Example: "capture": "console"',)),
        ({"mqtt": {"host": "b", "password": "x"}}, ('Example: "user": "jkbridge"',)),
        (
            {"bus": {"packs": "0", "role": "poll"}},
            ('bus.packs holds address 0', 'Example: "packs": "1-4,7" or "role": "listen"'),
        ),
        (
            {"bus": [{"port": "a"}, {"port": "b", "kind": "can"}], "pack": [{"rs485": 1}]},
            ("has rs485, but no can", 'Example: "id": "1", "rs485": 1, "can": 0'),
        ),
    ):
        refused(raw, *words, home="device")
    # What only a host has is not proposed to a device.
    e = str(refused({"bus": {"chanel": "can0"}}, "Known in bus: kind, port, bitrate,", home="device"))
    assert "channel" not in e
    assert "capture_size" not in str(refused({"zebra": 1}, "Known here: ", home="device"))


def test_impossible_combinations():
    broker = {"host": "b", "tls": True}
    for extra, words in (
        ({"cert": "c"}, ("mqtt.cert is set, but mqtt.key is not",)),
        ({"key": "c"}, ("mqtt.key is set, but mqtt.cert is not",)),
        ({"tls": False, "ca": "x"}, ("mqtt.ca is set, but mqtt.tls is false", "encrypted")),
        ({"password": "x"}, ("mqtt.password is set, but mqtt.user is not",)),
        ({"host": ""}, ("mqtt.tls is set, but mqtt.host is not",)),
        ({"host": "mqtt://b"}, ('mqtt.host = "mqtt://b"', "name or address alone")),
        ({"host": "b:1884"}, ("mqtt.port",)),
    ):
        raw = dict(broker)
        raw.update(extra)
        refused({"mqtt": raw}, *words)
    assert config.load({"mqtt": {"host": "fe80::1"}}, "host")
    refused({"bus": {"name": "bank"}}, 'bus.name = "bank"', "reserved")
    named = {"bus": {"packs": "1,2"}, "pack": [{"address": 5, "name": "x"}]}
    refused(named, "address = 5", "bus.packs holds only 1, 2")
    refused(
        {"pack": [{"address": 1, "name": "x"}, {"address": 1, "name": "y"}]},
        "Two [[pack]] entries have address = 1",
    )
    refused({"pack": [{"address": 1}]}, "lacks its name", 'name = "Garage left"')
    refused({"pack": [{"name": "x"}]}, "lacks its address")
    refused({"base": "homeassistant"}, 'base and discovery.prefix are both "homeassistant"')
    assert config.load({"base": "homeassistant", "discovery": {"enabled": False}}, "host")
    refused({}, "mqtt.host is missing", home="device")


def buses(*changes):
    """Three buses with these changes, by number, counted from 0."""
    out = [{"port": "a"}, {"port": "b"}, {"port": "c"}]
    for n, change in changes:
        out[n].update(change)
    return {"bus": out}


def test_several_buses_have_prefixes_of_their_own():
    loaded = config.load(buses((2, {"prefix": "cellar_", "packs": "4"})), "host")
    assert [bus["prefix"] for bus in loaded["bus"]] == ["", "b2-", "cellar_"]
    assert [bus["scan"] for bus in loaded["bus"]] == [True, True, False]
    assert loaded["bus"][2]["packs"] == [4]
    again = config.load(buses((1, {"prefix": "b3-"}), (2, {"prefix": "b2-"}), (0, {"prefix": ""})), "host")
    assert [bus["prefix"] for bus in again["bus"]] == ["", "b3-", "b2-"]


def test_impossible_buses():
    for changes, key, words in (
        ([(0, {"prefix": "x-"})], "bus.prefix", ('prefix of bus 1 = "x-"', "first bus never", '"b2-"')),
        ([(1, {"prefix": ""})], "bus[1].prefix", ('Bus 1 has prefix = ""', 'bus 2 has prefix = ""', "the same")),
        ([(1, {"prefix": "b3-"})], "bus[2].prefix", ('Bus 2 has prefix = "b3-"', 'bus 3 has prefix = "b3-"')),
        ([(1, {"prefix": "B3_"})], "bus[2].prefix", ('prefix = "B3_"', 'prefix = "b3-"')),
        ([(2, {"prefix": "1"})], "bus[2].prefix", ('Bus 1 has prefix = ""', 'prefix = "1"')),
        ([(1, {"prefix": "b3-1"})], "bus[2].prefix", ('prefix = "b3-1"', 'prefix = "b3-"')),
        ([(1, {"prefix": "bridge"})], "bus[1].prefix", ('prefix of bus 2 = "bridge"', "reserved", '"b2-"')),
        ([(2, {"prefix": "bank"})], "bus[2].prefix", ('prefix of bus 3 = "bank"', "reserved")),
        ([(1, {"prefix": "a/b"})], "bus[1].prefix", ('Bus 2: bus.prefix = "a/b"', "A-Z a-z")),
        ([(1, {"name": "bank"})], "bus[1].name", ('name of bus 2 = "bank"', "reserved")),
        ([(0, {"port": ""})], "bus.port", ("port of bus 1 is missing", "tcp://192.168.1.20:8899")),
        ([(2, {"port": None})], "bus[2].port", ("port of bus 3 is missing",)),
        ([(2, {"port": "a"})], "bus[2].port", ('Bus 1 and bus 3 both have port = "a"',)),
        ([(1, {"packs": "1-99"})], "bus[1].packs", ("Bus 2: bus.packs holds", "highest")),
        ([(1, {"baud": 5})], "bus[1].baud", ("Bus 2: bus.baud = 5",)),
        ([(1, {"packs": "0,1", "role": "poll"})], "bus[1].packs", ("packs of bus 2 holds address 0", "bus master")),
        ([(0, {"packs": 0, "role": "poll"})], "bus.packs", ("packs of bus 1 holds address 0", "bus master", "listen")),
    ):
        for home in ("host", "device"):
            raw = buses(*changes)
            raw["mqtt"] = {"host": "b"}
            e = refused(raw, *words, home=home)
            assert e.key == key, (e.key, key)
    for role in ("auto", "listen"):
        assert config.load({"bus": {"packs": "0-2", "role": role}}, "host")["bus"][0]["packs"] == [0, 1, 2]
    assert refused({"bus": {"packs": 0, "role": "poll"}}, "bus.packs holds address 0", "bus master").key == "bus.packs"


def test_named_packs_of_several_buses():
    two = [{"port": "a", "packs": "1,2"}, {"port": "b", "packs": "0-3", "prefix": "shed-"}]
    packs = [{"address": 2, "name": "x"}, {"id": "shed-0", "name": "y"}, {"id": "1", "name": "z", "address": 1}]
    loaded = config.load({"bus": two, "pack": packs}, "host")
    assert [(pack["id"], pack["address"], pack["name"]) for pack in loaded["pack"]] == [
        ("2", 2, "x"), ("shed-0", 0, "y"), ("1", 1, "z")
    ]  # fmt: skip
    for entry, key, words in (
        ({"id": "shed-4"}, "pack.id", ('id = "shed-4"', "packs of bus 2 holds only 0, 1, 2, 3")),
        ({"id": "shed-16"}, "pack.id", ('id = "shed-16"', "no pack of any bus", "0 to 15, shed-0 to shed-15")),
        ({"id": "shed-01"}, "pack.id", ("no pack of any bus", 'id = "shed-3"')),
        ({"id": "b2-1"}, "pack.id", ("no pack of any bus",)),
        ({"id": "b/1"}, "pack.id", ('pack.id = "b/1"', "A-Z a-z")),
        ({"id": "shed-1", "address": 1}, "pack.address", ("both address = 1 and", "shed-1", "Remove one")),
        ({"address": 3}, "pack.address", ("address = 3", "packs of bus 1 holds only 1, 2")),
        ({"address": 16}, "pack.address", ("pack.address = 16", "0 to 15")),
        ({}, "pack.address", ("lacks its address", "address = 1", 'id = "b2-3"')),
    ):
        given = {"name": "n"}
        given.update(entry)
        assert refused({"bus": two, "pack": [given]}, *words).key == key
    twice = [{"id": "shed-1", "name": "x"}, {"id": "shed-1", "name": "y"}]
    refused({"bus": two, "pack": twice}, 'Two [[pack]] entries have id = "shed-1"')
    # Who gives no addresses may name any pack, the master too where it may be listened to.
    assert config.load({"pack": [{"address": 0, "name": "x"}]}, "host")["pack"][0]["id"] == "0"
    refused({"bus": {"role": "poll"}, "pack": [{"address": 0, "name": "x"}]}, "address = 0")


def test_public_copy_shows_no_secret():
    secrets = {
        "user": "anna",
        "password": "hunter2",
        "cert": "/secret/c",
        "key": "/secret/k",
        "ca": "/secret/ca",
    }
    raw = {"mqtt": {"host": "b", "tls": True}}
    raw["mqtt"].update(secrets)
    loaded = config.load(raw, "host")
    shown = config.public(loaded)
    for name in secrets:
        assert shown["mqtt"][name] == "***"
        assert secrets[name] not in repr(shown)
        assert loaded["mqtt"][name] == secrets[name]
    assert shown["mqtt"]["host"] == "b" and shown["bus"] == loaded["bus"]
    assert config.public(config.load({}, "host"))["mqtt"]["password"] == ""


def test_log_levels_in_words_and_numbers():
    assert [log.level_of(word) for _, word in log.NAMES] == [5, 10, 20, 30, 40, 50]
    assert log.name_of(log.WARNING) == "warning" and log.name_of(35) == "warning" and log.name_of(1) == "trace"
    for row in config.rows():
        if row[0] == "log":
            assert row[2] == ",".join([word for _, word in log.NAMES])
    try:
        log.level_of("loud")
    except ValueError:
        return
    raise AssertionError("loud is no level")


# CAN


def test_a_can_bus_has_its_own_keys_and_no_others():
    out = config.load({"bus": {"kind": "can", "channel": "can0"}}, "host")["bus"][0]
    assert (out["interface"], out["port"], out["bitrate"]) == ("socketcan", "socketcan:can0", 0)
    assert (out["listen_only"], out["probe"], out["sign"], out["scan"]) == (True, False, "normal", True)
    assert "baud" not in out and "ask_about" not in out
    out = config.load({"bus": {"kind": "can", "port": "can", "bitrate": 500000}, "mqtt": {"host": "b"}}, "device")
    assert out["bus"][0]["port"] == "can"


def test_what_is_for_the_other_kind_of_bus_is_refused():
    refused({"bus": {"kind": "can"}}, "bus.channel is missing", 'channel = "can0"')
    refused({"bus": {"kind": "can", "channel": "can0", "baud": 9600}}, "bus.baud", 'kind = "serial"')
    refused({"bus": {"kind": "can", "channel": "can0", "port": "/dev/a"}}, "bus.port", "interface and channel")
    refused({"bus": {"kind": "can", "channel": "can0", "role": "poll"}}, 'bus.role = "poll"', "only listens")
    refused({"bus": {"port": "/dev/a", "bitrate": 500000}}, "bus.bitrate", 'kind = "can"')
    refused({"bus": {"kind": "can", "channel": "can0", "bitrate": 125000}}, "bus.bitrate = 125000", "250000, 500000")
    two = [{"kind": "can", "channel": "can0"}, {"kind": "can", "channel": "can0"}]
    refused({"bus": two}, "Bus 1 and bus 2 both have", "socketcan:can0")


def paired(**pack):
    return {"bus": [{"port": "/dev/a"}, {"kind": "can", "channel": "can0"}], "pack": [pack]}


def test_one_battery_on_two_buses():
    out = config.load(paired(id="1", rs485=1, can=0), "host")["pack"][0]
    assert (out["id"], out["address"], out["pair"]) == ("1", 1, ["", 1, "b2-", 0])
    assert config.load(paired(id="garage", rs485=3, can=4, name="Garage"), "host")["pack"][0]["pair"][1] == 3
    raw = paired(id="b3-2", rs485=1, can=2)
    raw["bus"].append({"kind": "can", "channel": "can1"})
    assert config.load(raw, "host")["pack"][0]["pair"] == ["", 1, "b3-", 2]
    assert config.load(paired(address=2, name="x"), "host")["pack"][0]["pair"] is None


def test_pairs_that_cannot_be():
    refused(paired(id="1", rs485=1), "rs485, but no can", "id = \"1\", rs485 = 1, can = 0")
    refused(paired(id="1", can=1, name="x"), "can, but no rs485")
    refused(paired(rs485=1, can=1), "needs an id")
    refused(paired(id="bridge", rs485=1, can=1), "reserved")
    refused(paired(id="2", rs485=1, can=0), "that of another battery")
    refused({"bus": {"port": "a"}, "pack": [{"id": "1", "rs485": 1, "can": 0}]}, 'no bus has kind = "can"')
    raw = paired(id="1", rs485=1, can=0)
    raw["bus"][0]["packs"] = "2-3"
    refused(raw, "rs485 = 1, which is not among the packs")
    raw = paired(id="1", rs485=1, can=0)
    raw["pack"].append({"id": "two", "rs485": 1, "can": 3})
    refused(raw, "for the same battery")


def test_wifi_is_of_the_device_and_secret():
    raw = {"mqtt": {"host": "a"}, "wifi": {"ssid": "house", "password": "PlantWifi99"}}
    out = config.load(raw, "device")
    assert out["wifi"] == {"ssid": "house", "password": "PlantWifi99", "hostname": "jkbridge"}
    shown = str(config.public(out))
    assert "PlantWifi99" not in shown
    assert "house" not in shown
    assert "wifi" not in config.load({}, "host")
    try:
        config.load(raw, "host")
        raise AssertionError("taken")
    except config.ConfigError as e:
        assert "wifi.ssid is a key of the device only" in str(e)


def test_a_wifi_password_that_no_wifi_has_is_refused():
    for word in ("x@", "1234567", "k\u00fcsse", "x" * 64, "\u00fc" * 33, "f" * 63 + "g"):
        raw = {"mqtt": {"host": "a"}, "wifi": {"ssid": "house", "password": word}}
        e = refused(raw, "wifi.password cannot be right: WPA has 8 to 63 characters", home="device")
        assert e.key == "wifi.password"
        assert word not in str(e)
    for word in ("", "12345678", "k\u00fcsse12", "x" * 63, "0123456789abcdefABCDEF0123456789" * 2):
        raw = {"mqtt": {"host": "a"}, "wifi": {"ssid": "\u00fc" * 16, "password": word}}
        assert config.load(raw, "device")["wifi"]["password"] == word
    raw["wifi"]["ssid"] += "\u00fc"
    assert refused(raw, "wifi.ssid is longer than 32 bytes", home="device").key == "wifi.ssid"


def test_tls_on_a_device_needs_the_certificate():
    try:
        config.load({"mqtt": {"host": "a", "tls": True}}, "device")
        raise AssertionError("taken")
    except config.ConfigError as e:
        assert "mqtt.ca is missing" in str(e)
    assert config.load({"mqtt": {"host": "a", "tls": True, "ca": "ca.crt"}}, "device")["mqtt"]["port"] == 8883
