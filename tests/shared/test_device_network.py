"""The ways into the network and the look-up of names, against fakes with the ports' habits; CPython and MicroPython."""

from device_fakes import Log
from network_fakes import ETH_GOT_IP, Network
from network_fakes import Lan as FakeLan

from jkdevice import blocking
from jkdevice.network import dns, lan, wifi

CONFIG = {"ssid": "house", "password": "secret", "hostname": "jkbridge"}


class World:
    """A Wifi, its fakes and its time."""

    def __init__(self, pico=False, **changes):
        config = dict(CONFIG)
        config.update(changes)
        self.module = Network(pico)
        self.wlan = self.module.wlan
        self.log = Log()
        self.now = 0x3FFFF000
        self.way = wifi.Wifi(config, self.module, self.log, self.ticks)

    def ticks(self):
        return self.now

    def run(self, ms, idle=True):
        left = ms // 50
        while left:
            left -= 1
            self.now = (self.now + 50) & 0x3FFFFFFF
            self.way.poll(self.now, idle)

    def joined(self):
        self.run(3000)
        assert self.way.up, self.log.text()
        return self


def test_joins_says_so_and_turns_power_saving_off():
    for pico in (False, True):
        world = World(pico).joined()
        assert world.wlan.calls == ["active", "connect"]
        assert "pm" in world.wlan.settings
        assert world.module.names == ["jkbridge"]
        assert world.way.rssi() == -61
        assert world.way.name_server() == "192.168.1.1"
        assert world.log.text() == "The WiFi is joined, address 192.168.1.77, signal -61 dBm."


def test_the_radio_is_switched_on_only_between_two_exchanges():
    world = World()
    assert world.way.name_server() == ""
    world.run(5000, idle=False)
    assert world.wlan.calls == []
    world.run(500, idle=True)
    assert world.wlan.calls == ["active", "connect"]


def test_a_wrong_password_and_a_wrong_name_are_said_once_and_tried_for_ever():
    for pico in (False, True):
        for changes, words in (({"password": "no"}, "check wifi.password"), ({"ssid": "hous"}, "check wifi.ssid")):
            world = World(pico, **changes)
            world.run(600000)
            assert not world.way.up
            said = [text for level, text in world.log.lines if level >= 30]
            assert len(said) == 1
            assert words in said[0]
            assert "secret" not in world.log.text()
            assert "hous" not in world.log.text()
            assert 8 <= world.wlan.calls.count("connect") <= 20  # with pauses that grow to a minute
            assert world.wlan.calls.count("inactive") >= 2
            world.wlan.air = {"house": "no", "hous": "secret"}
            world.run(200000)
            assert world.way.up


def test_what_the_radio_has_no_words_for_ends_an_attempt_only():
    for error in (OSError("Wifi Internal Error"), RuntimeError("Wifi Unknown Error 0x0101")):
        world = World()
        world.wlan.error = error
        world.run(30000)
        assert not world.way.up
        assert "the radio refuses (" + str(error) + ")" in world.log.text()
        world.wlan.error = None
        world.run(60000)
        assert world.way.up
        world.wlan.error = error
        assert world.way.rssi() is None
        world = World()
        world.module.error = error
        world.run(30000)
        assert "the radio refuses (" + str(error) + ")" in world.log.text()
        world.module.error = None
        world.run(60000)
        assert world.way.up


def test_a_router_that_gives_no_address_is_said():
    world = World()
    world.wlan.router = False
    world.run(40000)
    assert "within 30 s" in world.log.text()
    world.wlan.router = True
    world.run(70000)
    assert world.way.up


def test_what_is_lost_comes_back_and_is_counted():
    for pico in (False, True):
        world = World(pico).joined()
        world.wlan.takes = 20
        world.wlan.lose()
        world.run(1000)
        assert not world.way.up
        assert world.way.losses == 1
        assert world.way.rssi() is None
        assert "is lost. The batteries are read on." in world.log.text()
        world.run(60000)
        assert world.way.up
        world.wlan.air = {}
        world.wlan.lose()
        world.run(300000)
        assert not world.way.up
        world.wlan.air = {"house": "secret"}
        world.run(130000)
        assert world.way.up


def test_wifi_over_which_nothing_answers_is_joined_anew():
    world = World().joined()
    world.way.renew(world.now)
    assert not world.way.up
    assert world.wlan.calls == ["active", "connect", "disconnect"]
    assert "nothing answers over it for 10 min" in world.log.text()
    world.run(5000, idle=False)  # to switch it off takes its time as well
    assert world.wlan.calls == ["active", "connect", "disconnect"]
    world.run(1000)
    assert world.way.up
    assert world.wlan.calls[3:] == ["inactive", "active", "connect"]


def test_ethernet_over_which_nothing_answers_is_switched_off_and_on():
    world = LanWorld()
    world.run(1000)
    world.way.renew(world.now)
    assert not world.way.up
    world.run(5000)
    assert world.way.up
    assert world.hardware.calls == 3


def test_after_a_restart_of_the_program_alone_another_name_is_taken_up():
    world = World().joined()
    world.wlan.air["other"] = "x"
    again = wifi.Wifi({"ssid": "other", "password": "x", "hostname": "h"}, world.module, world.log, world.ticks)
    world.way = again
    world.run(3000)
    assert again.up
    assert world.wlan.config("ssid") == "other"
    same = wifi.Wifi({"ssid": "other", "password": "x", "hostname": "h"}, world.module, world.log, world.ticks)
    world.way = same
    calls = len(world.wlan.calls)
    world.run(1000)
    assert same.up
    assert len(world.wlan.calls) == calls


def test_a_step_that_blocks_is_counted():
    world = World()
    count = blocking.counts[0]
    real = world.wlan.active

    def slow(on=None):
        if on:
            world.now += 900
        return real(on)

    world.wlan.active = slow
    world.run(300)
    assert blocking.counts[0] == count + 1
    assert blocking.counts[1] >= 900


class LanWorld:
    def __init__(self, got_ip=ETH_GOT_IP):
        self.log = Log()
        self.now = 0x3FFFF000
        self.hardware = FakeLan(old=got_ip is None)
        self.made = 0
        self.way = lan.Lan(self.make, self.log, self.ticks, got_ip)

    def make(self):
        self.made += 1
        if self.hardware.missing:
            raise OSError("esp_eth_driver_install failed")
        return self.hardware

    def ticks(self):
        return self.now

    run = World.run


def test_ethernet_comes_up_is_lost_and_comes_back():
    for got_ip in (ETH_GOT_IP, None):
        world = LanWorld(got_ip)
        world.run(1000)
        assert world.way.up
        assert world.way.rssi() is None
        assert world.way.name_server() == "192.168.1.1"
        world.hardware.cable = False
        world.run(1000)
        assert not world.way.up
        assert world.way.losses == 1
        world.run(120000)
        assert world.log.text().count("check the cable, the switch") == 1
        world.hardware.cable = True
        world.run(1000)
        assert world.way.up
        assert world.hardware.calls == 1


def test_ethernet_without_an_address_is_not_up():
    for got_ip in (ETH_GOT_IP, None):
        world = LanWorld(got_ip)
        world.hardware.router = False
        world.run(40000)
        assert not world.way.up
        assert "no address after 30 s" in world.log.text()
        world.hardware.router = True
        world.run(1000)
        assert world.way.up


def test_ethernet_that_is_up_is_watched_without_heap_where_that_can_be():
    world = LanWorld()
    world.run(1000)
    looks = world.hardware.looks
    world.run(60000)
    assert world.hardware.looks == looks


def test_ethernet_that_does_not_work_is_said_once_and_tried_again():
    world = LanWorld()
    world.hardware.broken = True
    world.run(60000)
    assert world.log.text().count("ethernet enable failed") == 1
    assert 4 <= world.hardware.calls <= 8  # with pauses that grow
    world.hardware.broken = False
    world.run(90000)
    assert world.way.up


def test_after_a_restart_of_the_program_alone_ethernet_goes_on():
    """Ctrl-D leaves it switched on, and an ESP32 raises when it is switched on once more."""
    world = LanWorld()
    world.hardware.on = True
    world.run(1000)
    assert world.way.up
    assert "does not work" not in world.log.text()


class ModePin:
    """machine.Pin as far as board.LAN needs it."""

    IN, OUT = 1, 3

    def __init__(self, number):
        self.number = number


def test_an_ethernet_chip_that_does_not_answer_at_first_is_tried_again():
    world = LanWorld()
    world.hardware.missing = True
    world.run(30000)
    assert not world.way.up
    assert world.way.name_server() == ""
    assert 3 <= world.made <= 6
    assert "esp_eth_driver_install failed" in world.log.text()
    world.hardware.missing = False
    made = world.made
    world.run(60000)
    assert world.way.up
    assert world.made == made + 1


def test_a_chip_that_does_not_answer_at_the_start_is_tried_again_but_a_wrong_board_file_is_not():
    for error in (OSError("ESP_FAIL"), ValueError("invalid ref_clk")):
        world = LanWorld()
        errors = [error]

        def make(errors=errors, world=world):
            if errors:
                raise errors.pop()
            return world.hardware

        world.way = lan.Lan(make, world.log, world.ticks, ETH_GOT_IP)
        try:
            world.way.set_up()
            assert isinstance(error, OSError)
        except ValueError:
            assert isinstance(error, ValueError)
        world.run(1000)
        assert world.way.up


def test_arguments_of_lan():
    rows = (("mdc", 23), ("mdio", 18), ("phy_type", "PHY_LAN8720"), ("phy_addr", 1))
    assert lan.arguments(rows, Network(), lambda number: "pin%d" % number) == {
        "mdc": "pin23", "mdio": "pin18", "phy_type": 3, "phy_addr": 1}  # fmt: skip
    made = lan.arguments((("reset", 5), ("ref_clk", 17), ("ref_clk_mode", "OUT")), Network(), ModePin)
    assert (made["reset"].number, made["ref_clk"].number, made["ref_clk_mode"]) == (5, 17, 3)
    try:
        lan.arguments((("phy_type", "PHY_NEW"),), Network(), ModePin)
        raise AssertionError("taken")
    except ValueError as error:
        assert "PHY_NEW" in str(error)


# Names


class Datagrams:
    """Stands for the module socket: one server that answers, or not."""

    AF_INET = 2
    SOCK_DGRAM = 2

    def __init__(self, answer):
        self.answer = answer
        self.sent = []
        self.waiting = []
        self.closed = 0

    def socket(self, *_):
        return self

    def setblocking(self, flag):
        assert flag is False

    def getaddrinfo(self, host, port):
        return [(2, 2, 0, "", (host, port))]

    def sendto(self, data, where):
        self.sent.append((bytes(data), where))
        answer = self.answer(bytes(data))
        if answer is not None:
            self.waiting.append(answer)

    def recv(self, size):
        if not self.waiting:
            raise OSError(11)
        return self.waiting.pop(0)[:size]

    def close(self):
        self.closed += 1


def reply(question, records, code=0, number=None):
    """A message of a server: the question again, then records of (type, data), whose name is a pointer to it."""
    out = bytearray(number or question[:2]) + bytes((0x81, 0x80 | code, 0, 1, 0, len(records), 0, 0, 0, 0))
    out += question[12:]
    for kind, data in records:
        out += b"\xc0\x0c" + bytes((0, kind, 0, 1, 0, 0, 0, 60, 0, len(data))) + data
    return bytes(out)


def look_up(answer, name="broker.lan", server="192.168.1.1", ms=8000):
    """(the address or the words of the failure, the fake)"""
    fake = Datagrams(answer)
    real = dns.socket
    dns.socket = fake
    now = 0x3FFFFF00
    try:
        asked = dns.Lookup(name, server, now)
        for _ in range(ms // 50):
            address = asked.poll(now)
            if address:
                return address, fake
            now = (now + 50) & 0x3FFFFFFF
        return None, fake
    except dns.LookupFailedError as error:
        return str(error), fake
    finally:
        dns.socket = real


def test_an_address_behind_an_alias_is_found():
    alias = (5, b"\x04mqtt\xc0\x13")
    address, fake = look_up(lambda q: reply(q, (alias, (1, b"\xc0\xa8\x01\x0a"))))
    assert address == "192.168.1.10"
    question, where = fake.sent[0]
    assert where == ("192.168.1.1", 53)
    assert question[2:] == b"\1\0\0\1\0\0\0\0\0\0\6broker\3lan\0\0\1\0\1"


def test_a_name_in_local_is_asked_of_everybody():
    for name in ("homeassistant.local", "HomeAssistant.Local"):
        address, fake = look_up(lambda q: reply(q, ((1, b"\x0a\0\0\7"),)), name, "")
        assert address == "10.0.0.7"
        assert fake.sent[0][1] == ("224.0.0.251", 5353)


def test_it_is_asked_five_times_then_given_up():
    words, fake = look_up(lambda q: None)
    assert words == "the DNS server 192.168.1.1 does not answer"
    assert len(fake.sent) == 5


def test_a_lost_answer_and_answers_to_something_else_do_no_harm():
    count = [0]

    def answer(question):
        count[0] += 1
        if count[0] == 1:
            return None
        if count[0] == 2:
            return reply(question, ((1, b"\1\2\3\4"),), number=b"\0\0" if question[:2] != b"\0\0" else b"\1\1")
        return reply(question, ((1, b"\5\6\7\x08"),))

    address, fake = look_up(answer)
    assert address == "5.6.7.8"
    assert len(fake.sent) == 3


def test_whether_the_server_answered_is_known():
    """A network over which it does is not made anew, whatever the answer."""
    for answer, answered in ((lambda q: reply(q, (), code=3), True), (lambda q: None, False)):
        fake = Datagrams(answer)
        real = dns.socket
        dns.socket = fake
        try:
            asked = dns.Lookup("broker.lan", "192.168.1.1", 0)
            for now in range(0, 6000, 50):
                asked.poll(now)
            raise AssertionError("found")
        except dns.LookupFailedError:
            assert asked.answered == answered
        finally:
            dns.socket = real


def test_what_a_server_refuses_is_said():
    assert look_up(lambda q: reply(q, (), code=3))[0] == "the DNS server does not know this name"
    assert look_up(lambda q: reply(q, ((28, bytes(16)),)))[0] == "it has no IPv4 address"
    assert look_up(lambda q: None, server="")[0] == "DHCP told no DNS server"
    assert look_up(lambda q: None, name="a..b")[0] == "it is no name of a computer"


def test_an_answer_cut_anywhere_is_no_answer_and_no_crash():
    for cut in range(60):
        result = look_up(lambda q, cut=cut: reply(q, ((1, b"\1\2\3\4"),))[:cut], ms=500)[0]
        assert result in (None, "1.2.3.4", "it has no IPv4 address"), (cut, result)


def test_is_address():
    for text in ("192.168.1.10", "0.0.0.0"):
        assert dns.is_address(text)
    for text in ("192.168.1", "a.b.c.d", "256.1.1.1", "broker.lan", ""):
        assert not dns.is_address(text)


def test_the_code_of_the_look_up_is_in_memory_only_while_one_is_under_way():
    import sys

    from jkdevice import network

    class Dhcp:
        def name_server(self):
            return "192.168.1.1"

    real = dns.socket
    dns.socket = Datagrams(lambda q: None)
    sys.modules["jkdevice.network.dns"] = network.dns = dns
    try:
        asked = network.Names(Dhcp())("broker.lan", 0)
        assert isinstance(asked, dns.Lookup)
        assert asked.poll(0) is None
        assert dns.socket.sent[0][1] == ("192.168.1.1", 53)
        there = "jkdevice.network.dns" in sys.modules
        assert there == (sys.implementation.name != "micropython")
    finally:
        dns.socket = real
