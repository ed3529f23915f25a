"""Where the host's configuration comes from, which source wins, and what is said about a file that cannot be used."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from jkbridge import settings
from jkbridge.settings_help import HELP
from jkcore import config as schema
from jkcore.config import ConfigError


def load(file=None, env=None, flags=None, search=()):
    return settings.load(str(file) if file else None, env or {}, flags, list(search))


def refusal(*args, **kwargs) -> str:
    with pytest.raises(ConfigError) as caught:
        load(*args, **kwargs)
    return str(caught.value)


def write(folder: Path, text: str, name: str = "jkbridge.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_every_key_of_the_schema_is_explained() -> None:
    assert sorted(HELP) == sorted(row[0] for row in schema.rows() if "h" in row[5])


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = write(tmp_path, 'interval = 7\nbase = "file"\nlog = "debug"\n[mqtt]\nhost = "file"\n')
    env = {"JKBRIDGE_BASE": "env", "JKBRIDGE_MQTT_HOST": "env", "JKBRIDGE_LOG": "error", "HOME": "/"}
    found = load(file, env, {"mqtt.host": "flag", "log": "trace"})
    assert found.config["interval"] == 7
    assert found.config["base"] == "env"
    assert found.config["mqtt"]["host"] == "flag"
    assert found.config["log"] == "trace"
    assert found.config["bus"][0]["baud"] == 115200
    assert found.sources["base"] == "set by the environment variable JKBRIDGE_BASE"
    assert "mqtt.port" not in found.sources


def test_text_of_environment_and_flags_becomes_the_keys_type(tmp_path: Path) -> None:
    env = {"JKBRIDGE_MQTT_TLS": "yes", "JKBRIDGE_MQTT_HOST": "b", "JKBRIDGE_BUS_BAUD": "9600",
           "JKBRIDGE_BUS_PACKS": "1-3,9", "JKBRIDGE_DISCOVERY_ENABLED": "off", "JKBRIDGE_MQTT_PASSWORD": "12345",
           "JKBRIDGE_MQTT_USER": "007", "JKBRIDGE_BUS_PORT": ""}  # fmt: skip
    config = load(env=env, flags={"interval": "0"}).config
    assert config["mqtt"]["tls"] is True
    assert config["mqtt"]["port"] == 8883
    assert config["bus"][0]["baud"] == 9600
    assert config["bus"][0]["packs"] == [1, 2, 3, 9]
    assert config["discovery"]["enabled"] is False
    assert config["interval"] == 0
    assert config["mqtt"]["password"] == "12345"
    assert config["mqtt"]["user"] == "007"
    assert config["bus"][0]["port"] == ""
    assert 'interval = "5s" (text)' in refusal(env={"JKBRIDGE_INTERVAL": "5s"})


def test_flag_goes_into_the_first_of_several_bus_tables(tmp_path: Path) -> None:
    file = write(tmp_path, '[[bus]]\nport = "/dev/ttyACM0"\npacks = [4]\n')
    config = load(file, flags={"bus.port": "/dev/ttyUSB9"}).config
    assert [(bus["port"], bus["packs"]) for bus in config["bus"]] == [("/dev/ttyUSB9", [4])]
    file = write(tmp_path, '[[bus]]\nport = "/dev/ttyACM0"\n[[bus]]\nport = "/dev/ttyACM1"\npacks = [7]\n')
    config = load(file, env={"JKBRIDGE_BUS_PACKS": "3"}, flags={"bus.port": "/dev/ttyUSB9"}).config
    assert [(bus["port"], bus["packs"]) for bus in config["bus"]] == [("/dev/ttyUSB9", [3]), ("/dev/ttyACM1", [7])]


def test_an_error_names_the_place_that_set_the_key(tmp_path: Path) -> None:
    file = write(tmp_path, "[bus]\nbaud = 115800\n")
    text = refusal(file)
    assert "bus.baud = 115800" in text
    assert text.endswith(f"(in {file})")
    file = write(tmp_path, '[[bus]]\nport = "/dev/a"\n[[bus]]\nport = "tcp://x"\n')
    text = refusal(file, flags={"bus.port": "/dev/ttyUSB9"})
    assert 'bus.port = "tcp://x"' in text
    assert text.endswith(f"(in {file})")
    assert refusal(env={"JKBRIDGE_INTERVAL": "-1"}).endswith("(set by the environment variable JKBRIDGE_INTERVAL)")
    assert refusal(flags={"log": "loud"}).endswith("(given on the command line)")


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "[mqtt]\nhost = 192.168.1.10\n")
    text = refusal(file)
    assert str(file) in text
    assert "line 2" in text
    assert "needs quotes" in text


def test_broken_or_unfit_json_is_named(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, '{"mqtt": {"host" "x"}}', "options.json"))
    assert "line 1, column 18" in text
    assert "not JSON" in text
    assert "one JSON object" in refusal(write(tmp_path, "[1]", "options.json"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"interval": ' + "9" * 5000 + "}"), ("a.json", "[" * 100_000),
        ("a.toml", "interval = " + "9" * 5000), ("a.toml", "a = " + "[" * 100_000),
    ],
)  # fmt: skip
def test_a_file_beyond_all_measure_is_refused_in_words(tmp_path: Path, name: str, text: str) -> None:
    file = write(tmp_path, text, name)
    assert f"{file} cannot be read" in refusal(file)


def test_text_that_is_none_is_refused_before_it_gets_into_a_topic(tmp_path: Path) -> None:
    file = write(tmp_path, '{"bus": [{}, {"port": "b", "name": "\\ud800"}]}', "options.json")
    text = refusal(file)
    assert "bus[1].name holds bytes that are no text in UTF-8" in text
    assert f"(in {file})" in text
    bytes_of_another_encoding = os.fsdecode(b"S\xfcd")
    with pytest.raises(ConfigError, match=r"bus.name holds bytes.*environment variable JKBRIDGE_BUS_NAME"):
        load(env={"JKBRIDGE_BUS_NAME": bytes_of_another_encoding}, search=[])


def test_options_json_of_a_home_assistant_add_on(tmp_path: Path) -> None:
    options = {"bus": [{"port": "/dev/ttyUSB0", "packs": "1-4"}], "mqtt": {"host": "core-mosquitto", "user": None}}
    file = write(tmp_path, json.dumps(options), "options.json")
    found = load(search=[tmp_path / "absent.toml", file])
    assert found.file == file
    assert found.config["bus"][0]["packs"] == [1, 2, 3, 4]
    assert found.config["mqtt"]["user"] == ""


def test_first_existing_file_is_taken_and_a_named_one_must_exist(tmp_path: Path) -> None:
    first = write(tmp_path, "interval = 1\n", "a.toml")
    second = write(tmp_path, "interval = 2\n", "b.toml")
    assert load(search=[tmp_path / "none", first, second]).config["interval"] == 1
    assert load(env={"JKBRIDGE_CONFIG": str(second)}, search=[first]).config["interval"] == 2
    assert load(search=[tmp_path / "none"]).file is None
    assert "does not exist" in refusal(tmp_path / "none.toml")
    assert "cannot be read" in refusal(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'base = "k\xe4fer"\n')
    assert "UTF-8" in refusal(latin)


def test_unknown_environment_variable_names_the_nearest() -> None:
    text = refusal(env={"JKBRIDGE_MQTT_HOTS": "x"})
    assert "JKBRIDGE_MQTT_HOTS" in text
    assert "Did you mean JKBRIDGE_MQTT_HOST?" in text
    assert "[[pack]]" in refusal(env={"JKBRIDGE_PACK_NAME": "x"})
    assert load(env={"JKBRIDGE_FRAMES": "/x", "JKBRIDGEX": "1"}).config["interval"] == 5


def test_certificates_are_relative_to_their_file_and_must_be_readable(tmp_path: Path) -> None:
    write(tmp_path, "x", "ca.crt")
    file = write(tmp_path, '[mqtt]\nhost = "b"\ntls = true\nca = "ca.crt"\n')
    assert load(file).config["mqtt"]["ca"] == str(tmp_path / "ca.crt")
    (tmp_path / "ca.crt").unlink()
    assert "mqtt.ca names the file" in refusal(file)


@pytest.mark.parametrize(
    "port", ["tcp://gateway", "tcp://:8899", "socket://x:99999", "http://x:1", "rfc2217://", "tcp://a:b"]
)
def test_a_gateway_url_that_cannot_work_is_refused_at_once(port: str) -> None:
    text = refusal(flags={"bus.port": port})
    assert port in text
    assert "Example" in text


def test_good_ports_are_accepted() -> None:
    for port in ("/dev/ttyACM0", "/dev/serial/by-id/usb-FTDI", "tcp://192.168.1.20:8899", "socket://[fe80::1]:23",
                 "rfc2217://host:4000", "COM3"):  # fmt: skip
        assert load(flags={"bus.port": port}).config["bus"][0]["port"] == port
    assert "no possible name" in refusal(flags={"mqtt.host": "a..b"})


ON_CAN = ("interface", "channel", "bitrate", "listen_only", "probe", "sign")


def test_example_holds_every_key_and_is_accepted_line_by_line() -> None:
    text = settings.example()
    assert schema.load(tomllib.loads(text), "host") == schema.load({}, "host")
    table = ""
    seen = []
    for line in text.splitlines():
        if line.strip("# ").startswith("[") and line.endswith("]"):
            table = line.strip("#[] ")
        bare = line.removeprefix("# ")
        name = bare.partition(" = ")[0]
        key = f"{table}.{name}" if table else name
        if key not in HELP or " = " not in bare:
            continue
        seen.append(key)
        value = tomllib.loads(bare)[name]
        secure = {"tls": True, "user": "u", "cert": "c", "key": "k"} if key != "mqtt.tls" else {}
        raw: dict = {"mqtt": {"host": "b", **secure}}
        if table == "pack":
            raw["pack"] = [{"name": "x", **({} if name == "id" else {"address": 1}), name: value}]
            raw["bus"] = [{"port": "a"}, {"port": "b"}]
            if name in ("rs485", "can"):
                raw["pack"] = [{"id": "1", "rs485": 1, "can": 0, name: value}]
                raw["bus"] = [{"port": "a"}, {"kind": "can", "channel": "can0"}]
        elif key == "bus.prefix":
            raw["bus"] = [{"port": "a"}, {"port": "b", name: value}]
        elif table == "bus" and name in ON_CAN:
            raw["bus"] = {"kind": "can", "channel": "can0", name: value}
        elif table:
            raw.setdefault(table, {})[name] = value
        else:
            raw[name] = value
        loaded = schema.load(raw, "host")
        default = schema.load({}, "host")
        if "." not in key and default[name] != "":  # a text without a default is shown by an example
            assert loaded[name] == default[name]
    assert sorted(seen) == sorted(HELP)


def test_a_file_of_windows_notepad_is_read(tmp_path: Path) -> None:
    for name, text in (("a.toml", "interval = 9\n"), ("a.json", '{"interval": 9}')):
        file = tmp_path / name
        file.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert load(file).config["interval"] == 9


def test_variables_offered_are_variables_accepted() -> None:
    text = refusal(env={"JKBRIDGE_QUARTZ": "1"})
    known = text.partition("Known: ")[2].rstrip(".").split(", ")
    assert "JKBRIDGE_MQTT_HOST" in known
    assert not [name for name in known if name.startswith("JKBRIDGE_PACK")]
    assert "[[pack]]" in refusal(env={"JKBRIDGE_PACK_NAME": "1"})


def test_show_has_every_bus_and_can_be_read_again(tmp_path: Path) -> None:
    file = write(tmp_path, '[[bus]]\nport = "/dev/a"\nname = "Left"\n[[bus]]\nport = "/dev/b"\npacks = "1-3"\n'
                           '[[pack]]\nid = "b2-3"\nname = "Shed"\n[[pack]]\naddress = 3\nname = "House"\n')  # fmt: skip
    found = load(file, flags={"bus.baud": "9600"})
    text = settings.show(found)
    assert schema.load(tomllib.loads(text), "host")["pack"] == found.config["pack"]
    assert [bus["prefix"] for bus in tomllib.loads(text)["bus"]] == ["", "b2-"]
    assert "baud = 9600  # given on the command line" in text
    assert "baud = 115200  # default" in text
    assert f'port = "/dev/b"  # in {file}' in text


def test_show_has_every_key_with_its_source_and_no_secret(tmp_path: Path) -> None:
    file = write(tmp_path, '[mqtt]\nhost = "b"\nuser = "anna"\npassword = "hunter2"\n'
                           '[[pack]]\naddress = 2\nname = "Käfer"\n')  # fmt: skip
    text = settings.show(load(file, {"JKBRIDGE_INTERVAL": "9"}))
    assert "hunter2" not in text
    assert "anna" not in text
    shown = tomllib.loads(text)
    assert shown["mqtt"]["password"] == "***"
    assert shown["pack"] == [{"address": 2, "name": "Käfer"}]
    assert "interval = 9  # set by the environment variable JKBRIDGE_INTERVAL" in text
    assert f'host = "b"  # in {file}' in text
    assert "baud = 115200  # default" in text
