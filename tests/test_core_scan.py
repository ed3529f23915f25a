"""Without bus.packs all addresses are asked, and a pack exists once it has answered."""

from core_house import House


def house_without_packs(addresses, **more):
    return House(addresses, bus={"port": "/dev/ttyUSB0"}, **more)


def topics(house, ending):
    return sorted({m.topic for m in house.messages if m.topic.endswith(ending) and m.topic.startswith("jkbms/")})


def test_packs_that_answer_appear_and_nothing_is_said_of_the_others():
    house = house_without_packs([2, 11])
    house.run(60)
    assert topics(house, "/live") == ["jkbms/11/live", "jkbms/2/live"]
    assert topics(house, "/availability") == ["jkbms/11/availability", "jkbms/2/availability"]
    assert topics(house, "/link") == ["jkbms/11/link", "jkbms/2/link"]
    assert any("2, 11 answered" in said.text for said in house.said)
    assert not any("does not answer" in said.text for said in house.said)


def test_nobody_answers_is_said_once():
    house = house_without_packs([])
    house.run(90)
    assert len([text for text in house.warnings() if "none of the addresses 1 to 15 answers" in text]) == 1


def test_a_pack_of_an_earlier_run_is_shown_offline_until_it_answers():
    house = house_without_packs([2])
    assert b"jkbms/+/availability" in house.bridge.subscriptions()
    house.run(1)
    house.bridge.received(b"jkbms/9/availability", b"online", True, False, house.now)
    house.bridge.received(b"jkbms/77/availability", b"online", True, False, house.now)
    house.run(30)
    assert house.of("jkbms/9/availability")[0].payload == "offline"
    assert not house.of("jkbms/77/availability")


def test_named_packs_are_not_scanned_for():
    house = House([2], [2, 3])
    assert b"jkbms/+/availability" not in house.bridge.subscriptions()
    house.run(30)
    assert house.of("jkbms/3/availability")[0].payload == "offline"


def test_the_search_starves_nobody():
    """Over a gateway an address nobody has takes a second: the pack that was found keeps its interval meanwhile."""
    house = House([1], interval=1, bus={"port": "tcp://192.168.1.50:8899"})
    house.run(60)
    times = [m.at for m in house.of("jkbms/1/live")]
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) <= 4000
    assert [m.payload for m in house.of("jkbms/1/availability")].count("offline") <= 1
