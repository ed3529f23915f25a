"""What a device tells of itself in bridge/health: why it started, the WiFi's signal, steps that block."""

import sys

from jkdevice import blocking

# Names in the module machine, and the words
_CAUSES = (
    ("PWRON_RESET", "power on"),
    ("HARD_RESET", "reset"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep sleep"),
    ("SOFT_RESET", "restart of the program"),
)


def reset_reason():
    """Why the machine started, a word; "" where it does not tell."""
    try:
        import machine

        cause = machine.reset_cause()
    except (ImportError, AttributeError):
        return ""
    for name, word in _CAUSES:
        if cause == getattr(machine, name, None):
            # A Pico restarts itself by its watchdog: the two cannot be told apart.
            return "watchdog or reset" if name == "WDT_RESET" and sys.platform == "rp2" else word
    return "unknown (" + str(cause) + ")"


class Figures:
    """session: its network may have a signal."""

    def __init__(self, session):
        self._session = session
        self._reason = reset_reason()

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
