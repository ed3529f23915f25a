"""Certificates made on the fly with openssl, for tests of TLS. Valid for 127.0.0.1 and localhost, for one
day.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


class Authority:
    """A certificate authority in a folder; `ca` is the file a client trusts.

    Two authorities in two folders do not trust each other: that is how a test makes a wrong certificate.
    """

    def __init__(self, folder: Path, name: str = "jkbridge test CA") -> None:
        self.folder = folder
        self.ca = folder / "ca.crt"
        folder.mkdir(parents=True, exist_ok=True)
        self._openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
            "-subj",
            f"/CN={name}",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        )

    def issue(self, name: str, *, server: bool, host: str = "127.0.0.1") -> tuple[Path, Path]:
        """(certificate, key) files signed by this authority, for a server at `host` or for a client."""
        self._openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
        )
        names = f"IP:{host}" if host[0].isdigit() else f"DNS:{host}"
        if host == "127.0.0.1":
            names += ",DNS:localhost"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
            f"extendedKeyUsage={'serverAuth' if server else 'clientAuth'}\n"
            f"subjectAltName={names}\n"
        )
        self._openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "1",
            "-extfile",
            extensions.name,
            "-out",
            f"{name}.crt",
        )
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def _openssl(self, *arguments: str) -> None:
        program = shutil.which("openssl")
        if program is None:
            pytest.skip(
                "no openssl on this machine, needed to make certificates; Debian: sudo apt install openssl"
            )
        done = subprocess.run([program, *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"openssl {arguments[0]} failed:\n{done.stderr}"
