"""TLS between bridge and broker: the files named in the configuration as an SSLContext."""

from __future__ import annotations

import ssl
from typing import Any

from jkcore.config import ConfigError


def tls_context(mqtt: dict[str, Any]) -> ssl.SSLContext:
    """The TLS settings of [mqtt]: the broker's certificate and name are always verified. ConfigError for bad files."""
    try:
        context = ssl.create_default_context(cafile=mqtt["ca"] or None)
    except (OSError, ssl.SSLError):
        raise ConfigError(f"mqtt.ca = {mqtt['ca']} holds no CA certificate: a PEM file is needed.", "mqtt.ca") from None
    if mqtt["cert"]:
        try:
            # The empty passphrase makes an encrypted key an error; without it OpenSSL asks on the terminal.
            context.load_cert_chain(mqtt["cert"], mqtt["key"], password="")
        except ssl.SSLError as e:
            reason = e.reason or "no PEM files, or the key has a passphrase"
            raise ConfigError(
                f"mqtt.cert = {mqtt['cert']} and mqtt.key = {mqtt['key']} cannot be used together ({reason}): "
                "both must be PEM files, the key without passphrase and belonging to the certificate.",
                "mqtt.cert",
            ) from None
        except OSError as e:
            raise ConfigError(f"mqtt.cert or mqtt.key cannot be read: {e.strerror}.", "mqtt.cert") from None
    return context
