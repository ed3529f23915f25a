"""What a device tells of itself in bridge/health: why it started, the WiFi's signal, steps that block."""

from jkdevice import blocking


class Figures:
    """session: its network may have a signal; reason: why the machine started, "" for unknown."""

    def __init__(self, session, reason):
        self._session = session
        self._reason = reason

    def put(self, message):
        """Append the members to bridge/health."""
        if self._reason:
            message.string(b"reset", self._reason)
        message.numbers(b"blocking_steps blocking_longest", blocking.counts)
        network = self._session.network
        if network is not None:
            message.numbers(b"network_losses", (network.losses,))
            rssi = network.rssi()
            if rssi is not None:
                message.numbers(b"rssi", (rssi,))
