"""Certificates of an authority that a test makes with openssl."""

import shutil
import subprocess
from pathlib import Path

import pytest

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """An authority in a folder of its own; `ca` is its certificate."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("needs Debian's openssl")
        folder.mkdir()
        self._folder, self.ca, self._key = folder, folder / "ca.pem", folder / "ca.key"
        self_signed(self.ca, self._key, "/CN=an authority of a test")

    def certificate(self, name: str, host: str = "IP:127.0.0.1", days: int = 2) -> Path:
        """Return a file of PEM with a key and its certificate for a host (IP:… or DNS:…); 0 days: it has expired."""
        whole, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        request, extension = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={host}\n")
        _openssl("req", *_KEY, "-keyout", str(key), "-subj", f"/CN={name}", "-out", str(request))
        signing = ["-CA", str(self.ca), "-CAkey", str(self._key), "-CAcreateserial", "-extfile", str(extension)]
        _openssl("x509", "-req", "-in", str(request), *signing, "-days", str(days), "-out", str(whole))
        whole.write_text(whole.read_text() + key.read_text())
        return whole


def self_signed(certificate: Path, key: Path, subject: str) -> None:
    """Write a certificate that signs itself, and its key."""
    _openssl("req", "-x509", *_KEY, "-keyout", str(key), "-subj", subject, "-days", "2", "-out", str(certificate))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
