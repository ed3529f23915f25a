"""The configuration schema: what is accepted, what is filled in, and the sentence for what is refused."""

from jkcore import config, log


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


def test_empty_configuration_is_complete_on_the_host():
    out = config.load({}, "host")
    assert out["interval"] == 5 and out["base"] == "jkbms" and out["log"] == "info" and out["flat"] is False
    every = list(range(1, 16))
    assert out["bus"] == [{"kind": "serial", "port": "", "baud": 115200, "packs": every, "name": "", "scan": True}]
    assert config.load({"bus": {"packs": "2"}}, "host")["bus"][0]["scan"] is False
    assert out["mqtt"]["host"] == "" and out["mqtt"]["port"] == 1883 and out["mqtt"]["keepalive"] == 15
    assert out["discovery"] == {"enabled": True, "prefix": "homeassistant", "status": "homeassistant/status"}
    assert out["pack"] == []
    for row in config.rows():
        table, dot, name = row[0].partition(".")
        if not dot:
            assert table in out
        elif table != "pack":
            where = out[table][0] if table == "bus" else out[table]
            assert name in where, row[0]


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
            "mqtt": {"host": "broker", "user": "u", "tls": True, "cert": "c", "key": "k"},
            "bus": {"packs": "1-15"},
        }
        if not dot:
            raw[table] = value
        elif table == "pack":
            raw["pack"] = [{"address": 3, "name": "three"}]
            raw["pack"][0][name] = value
        else:
            raw.setdefault(table, {})[name] = value
        for home in ("host", "device"):
            if home[0] in row[5]:
                assert config.load(raw, home)


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
    ):
        assert config.parse_packs(value) == wanted, value
    for value, word in (
        ([], "empty"),
        ("", "neither"),
        ("1,,2", "neither"),
        ("4-1", "backwards"),
        ("1-99", "highest"),
        ("0-3", "bus master"),
        ([0], "bus master"),
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
    refused({"bus": {"zebra": 1}}, "Unknown key bus.zebra.", "Known in [bus]: kind, port, baud, packs, name.")
    assert "Did you mean" not in str(refused({"bus": {"zebra": 1}}))
    refused({"bus": {"prot": 1}}, '"port": "/dev/ttyUSB0"', home="device")


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
        ({"bus": {"kind": "can"}}, ('bus.kind = "can"', "serial")),
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
    refused({"bus": [{}, {}]}, "2 [[bus]] entries", "exactly one bus")
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
