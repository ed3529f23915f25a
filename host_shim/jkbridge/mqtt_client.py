"""A paho client of its own for commands that look into the broker for a moment (mqtt.py is the bridge's session)."""

from __future__ import annotations

import os
from typing import Any

import paho.mqtt.client as paho

from jkbridge.tls import tls_context


def new_client(mqtt: dict[str, Any], name: str, connect_s: float) -> paho.Client:
    """Not connected yet. mqtt: of the configuration; name: part of the client id; connect_s: patience, seconds.

    Raises ConfigError when the TLS files cannot be used.
    """
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2,
        client_id=f"jkbridge-{name}-{os.urandom(4).hex()}",
        clean_session=True,
        protocol=paho.MQTTv311,
    )
    if mqtt["user"]:
        client.username_pw_set(mqtt["user"], mqtt["password"] or None)
    if mqtt["tls"]:
        client.tls_set_context(tls_context(mqtt))
    client.connect_timeout = connect_s
    return client
