"""An MQTT broker in memory for several houses, see core_house.py."""

from __future__ import annotations

from core_house import House, Message


class MiniBroker:
    """An MQTT broker in memory between houses: retained messages, wills, and what a subscriber gets."""

    def __init__(self) -> None:
        self.retained: dict[str, str] = {}
        self.seen: list[tuple[House | None, Message]] = []  # (sender, message) in the order of arrival
        self._taken: dict[int, int] = {}
        self._here: list[House] = []

    def join(self, house: House) -> None:
        """The house's session comes up: subscriptions, retained messages."""
        self._here.append(house)
        self._taken.setdefault(id(house), len(house.messages))
        house.taking = True
        house.bridge.connected(house.now)
        for topic in house.bridge.subscriptions():
            payload = self.retained.get(topic.decode())
            if payload is not None:
                house.receive(topic.decode(), payload, retained=True)

    def lose(self, house: House) -> None:
        """The session dies without a goodbye; the will speaks."""
        self._gone(house)
        will = Message(house.elapsed, house.bridge.will_topic.decode(), house.bridge.will_payload.decode(), True)
        self.deliver(None, will)

    def leave(self, house: House) -> None:
        """The house says goodbye: offline messages, then DISCONNECT."""
        house.bridge.stop(house.now)
        house.take()
        self.pump()
        self._gone(house)

    def _gone(self, house: House) -> None:
        self._here.remove(house)
        house.taking = False
        house.bridge.disconnected(house.now)

    def pump(self) -> None:
        """Deliver what the houses have sent."""
        moved = True
        while moved:
            moved = False
            for house in list(self._here):
                while self._taken[id(house)] < len(house.messages):
                    self._taken[id(house)] += 1
                    self.deliver(house, house.messages[self._taken[id(house)] - 1])
                    moved = True

    def deliver(self, sender: House | None, message: Message) -> None:
        """One message arrives at the broker."""
        self.seen.append((sender, message))
        if message.retain:
            if message.payload:
                self.retained[message.topic] = message.payload
            else:
                self.retained.pop(message.topic, None)
        for house in self._here:
            if message.topic.encode() in house.bridge.subscriptions():
                house.receive(message.topic, message.payload)

    def run(self, houses: list[House], seconds: float, step: int = 50) -> None:
        """Turn several houses side by side."""
        for _ in range(int(seconds * 1000) // step):
            for house in houses:
                house.turn()
                self.pump()
                house.elapsed += step
