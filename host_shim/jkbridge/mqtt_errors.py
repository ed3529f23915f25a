"""What went wrong between bridge and MQTT broker, as one sentence that says where and what to do. Never a password."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any

_AGAIN = "Trying again."

# OpenSSL's verify codes (X509_V_ERR_*) that people meet, and what to do about each.
_VERIFY = {
    9: "is not valid yet: is the clock of this machine right?",
    10: "has expired: renew it at the broker (or is the clock of this machine wrong?).",
    18: "is self-signed: set mqtt.ca to that certificate's file.",
    19: "is signed by a CA this machine does not know: set mqtt.ca to the CA's file.",
    20: "is signed by a CA this machine does not know: set mqtt.ca to the CA's file.",
    21: "cannot be traced to a known CA: the broker should send its whole chain, or set mqtt.ca to the CA's file.",
    62: "is for another name: set mqtt.host to a name the certificate was made for.",
    64: "is for another address: set mqtt.host to a name or address the certificate was made for.",
}


def connect_failed(mqtt: dict[str, Any], error: BaseException | None) -> str:
    """Why no connection came about: name lookup, TCP or TLS. mqtt: the [mqtt] table."""
    where = place(mqtt)
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = _VERIFY.get(error.verify_code, f"was refused ({error.verify_message}).")
        return f"TLS: the certificate of the MQTT broker {where} {advice} {_AGAIN}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        if "WRONG_VERSION" in reason or "RECORD_LAYER" in reason or "HTTP_REQUEST" in reason:
            advice = "the port does not speak TLS: use the broker's TLS port (usually 8883), or set mqtt.tls = false."
        elif "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
            advice = "the broker refused the handshake: does it ask for a client certificate (mqtt.cert, mqtt.key)?"
        elif "UNKNOWN_CA" in reason or "BAD_CERTIFICATE" in reason:
            advice = "the broker does not accept our client certificate: check mqtt.cert."
        else:
            advice = f"the handshake failed ({reason}): is this the broker's TLS port?"
        return f"TLS with the MQTT broker {where}: {advice} {_AGAIN}"
    if isinstance(error, socket.gaierror):
        return (
            f"The MQTT broker's name {mqtt['host']} cannot be resolved: check mqtt.host, "
            f"or use the IP address. {_AGAIN}"
        )
    if isinstance(error, ConnectionRefusedError):
        return f"No MQTT broker listens at {where}: is it running, are mqtt.host and mqtt.port right? {_AGAIN}"
    if isinstance(error, TimeoutError):
        return f"The MQTT broker {where} does not answer: is the machine on, is a firewall in between? {_AGAIN}"
    if isinstance(error, ConnectionResetError) and mqtt["tls"]:
        return f"The MQTT broker {where} broke off the TLS handshake: is this its TLS port? {_AGAIN}"
    if isinstance(error, OSError) and error.errno:
        return f"The MQTT broker {where} cannot be reached: {os.strerror(error.errno)}. {_AGAIN}"
    return f"The MQTT broker {where} cannot be reached: {error}. {_AGAIN}"


def refused(mqtt: dict[str, Any], reason: str) -> str:
    """The broker answered CONNECT with a refusal; reason: paho's name of the return code."""
    where = place(mqtt)
    word = reason.lower()
    if "user name" in word or "authoriz" in word:
        if mqtt["user"]:
            advice = f'refuses user "{mqtt["user"]}" with this password: check mqtt.user and mqtt.password.'
        else:
            advice = "wants a user and a password: set mqtt.user and mqtt.password."
    elif "identifier" in word:
        advice = f'refuses the client id "{mqtt["client_id"]}": change or remove mqtt.client_id.'
    elif "protocol" in word:
        advice = "does not speak MQTT 3.1.1: use a broker that does."
    else:
        advice = f"refuses the connection ({reason})."
    return f"The MQTT broker {where} {advice} {_AGAIN}"


def lost(mqtt: dict[str, Any], reason: str, was_up: bool, brief: bool) -> str:
    """The connection ended without our will.

    was_up: the session had been accepted before; brief: it held only for seconds.
    """
    where = place(mqtt)
    silent = "keep alive" in reason.lower()
    if was_up and silent:
        return (
            f"The MQTT broker {where} is stalled or cut off: connected, but silent for {2 * mqtt['keepalive']} s. "
            f"Connecting anew."
        )
    if was_up and brief and mqtt["client_id"]:
        return (
            f"The MQTT broker {where} closed the connection after a moment: does another client use the id "
            f'"{mqtt["client_id"]}" (mqtt.client_id)? {_AGAIN}'
        )
    if was_up:
        return f"The connection to the MQTT broker {where} was lost. {_AGAIN}"
    if silent:
        return f"{where} accepts connections but does not answer: a stalled broker, or no MQTT there? {_AGAIN}"
    if not mqtt["tls"]:
        hint = "is this an MQTT port? A TLS port (usually 8883) needs mqtt.tls = true."
    elif not mqtt["cert"]:
        hint = "does it ask for a client certificate (mqtt.cert, mqtt.key)?"
    else:
        hint = "does it accept our client certificate?"
    return f"The MQTT broker {where} closed the connection without an answer: {hint} {_AGAIN}"


def stalled(mqtt: dict[str, Any]) -> str:
    """It is connected but takes no more data."""
    return f"The MQTT broker {place(mqtt)} takes no data: nothing is sent until it does, and nothing old is kept."


def place(mqtt: dict[str, Any]) -> str:
    host = mqtt["host"]
    return f"[{host}]:{mqtt['port']}" if ":" in host else f"{host}:{mqtt['port']}"
