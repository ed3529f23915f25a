"""TLS to the broker: always verified, never waiting. Loaded only with mqtt.tls = true.

The handshake goes on whenever the socket is written to or read; a step of it keeps an ESP32 busy for some tenths of a
second, so it goes on only while no answer is awaited on a bus, and is counted (blocking.py). A certificate has dates,
so the clock must be right: NTP, one question at a time, nowhere else. Its name is looked up as that of the broker:
ntptime would have the system do it, which may take longer than the watchdog of a Pico bears.
"""

import time

from jkcore import clock, log
from jkcore.shim import const
from jkdevice import blocking
from jkdevice.asking import Asking
from jkdevice.backoff import Backoff

_BUILT = const(2025)  # a clock that says an earlier year was never set
_NOT_TRUSTED = const(-0x2700)  # MBEDTLS_ERR_X509_CERT_VERIFY_FAILED
_NO_MEMORY = const(-0x7F00)  # MBEDTLS_ERR_SSL_ALLOC_FAILED
_NTP_S = const(1)
_NTP = "pool.ntp.org"


class TlsError(Exception):
    """A file or this firmware is not what TLS needs: a sentence for people."""


def _read(path, key):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        text = "mqtt." + key + ' = "' + path + '": there is no such file on the device. `make config` on your PC '
        raise TlsError(text + "copies it, or .venv/bin/mpremote fs cp " + path + " :" + path + " + reset")


def _blocks(data):
    """The certificates or keys of a file as DER. A file that is no PEM is DER already."""
    import binascii

    if b"-----BEGIN" not in data:
        return [data]
    out = []
    for part in data.split(b"-----BEGIN")[1:]:
        body = part.split(b"-----")[1]
        out.append(binascii.a2b_base64(b"".join(body.split())))
    return out


class Tls(Asking):
    """config: the configuration's `mqtt` table; log(level, text); ticks() -> 30-bit ms. Raises TlsError."""

    def __init__(self, config, log, ticks):
        try:
            import tls
        except ImportError:
            raise TlsError("mqtt.tls = true needs MicroPython 1.23 or newer: this one has no module tls")
        super().__init__()
        self._host = config["host"]
        self._log = log
        self._ticks = ticks
        self._backoff = Backoff(60)
        self._said = False
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        try:
            for block in _blocks(_read(config["ca"], "ca")):
                context.load_verify_locations(block)
        except (ValueError, OSError, IndexError):
            raise TlsError('mqtt.ca = "' + config["ca"] + '" holds no certificate (PEM or DER)')
        if config["cert"]:
            try:
                cert = _blocks(_read(config["cert"], "cert"))[0]
                context.load_cert_chain(cert, _blocks(_read(config["key"], "key"))[0])
            except (ValueError, OSError, IndexError):
                raise TlsError("mqtt.cert and mqtt.key hold no certificate with its key (PEM or DER)")
        self._context = context

    def wrap(self, sock):
        """The socket with TLS on top; the handshake follows with the first write."""
        return self._context.wrap_socket(sock, server_hostname=self._host, do_handshake_on_connect=False)

    def ready(self, now):
        """True when the clock is right. Else NTP is asked, now and then; called only when a step may block."""
        if time.gmtime()[0] >= _BUILT:
            return True
        try:
            if self._asked is not None or self._backoff.due(now):
                address = _NTP if self.lookup is None else self._address_of(_NTP, now)
                if address is not None:
                    self._set_clock(address)
        except Exception as error:
            wait = self._backoff.failed(now)
            text = "The clock cannot be set by NTP (" + str(error) + "), and without it no certificate can be checked. "
            text += "The device needs UDP port 123 to the internet. Next try in " + str((wait + 999) // 1000) + " s."
            self._log(log.DEBUG if self._said else log.WARNING, text)
            self._said = True
        return False

    def _set_clock(self, host):
        start = self._ticks()
        try:
            import ntptime

            ntptime.host = host
            ntptime.timeout = _NTP_S
            ntptime.settime()
            self._log(log.INFO, "The clock was set by NTP, for TLS: %04d-%02d-%02d." % time.gmtime()[:3])
            self._said = False
        finally:
            blocking.note(clock.since(self._ticks(), start))

    def words(self, error):
        """What an error of the handshake means, "" for one of the socket below."""
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        if code == _NOT_TRUSTED or isinstance(error, ValueError):
            text = "its certificate is not one of mqtt.ca, is for another name than mqtt.host, or is out of date"
            why = " ".join(str(error).split()) if isinstance(error, ValueError) else ""
            return text + (" (" + why.rstrip(".") + ")" if why else "")
        if code == _NO_MEMORY:
            return "memory is short: TLS takes 20 kB and more of it"
        if code < -1:
            return "TLS failed (error -0x%04x): check that mqtt.port is the port for TLS" % -code
        return ""
