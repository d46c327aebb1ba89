"""The address at which a page is served. Bad settings are reported before aiohttp is loaded."""

import ipaddress
from dataclasses import dataclass

from stapes.firmware_sim.errors import ConfigError

LIVE_PORT = 8765  # of `stapes listen --web`
STUDIO_PORT = 8766  # of `stapes studio`


@dataclass(frozen=True)
class Address:
    """Host, port (0: any free one) and token.

    Raises ConfigError for an impossible port, and for an open page without a token.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"--web: {self.port} is not a port; use 1 to 65535")
        if not is_this_machine(self.host) and not self.token:
            raise ConfigError(
                f"--web {self.host}: other machines could open the page; choose a secret and give it with --token"
            )


def parse_address(text: str, token: str | None, default_port: int) -> Address:
    """Return the address that HOST:PORT, PORT or HOST names, by default 127.0.0.1 and `default_port`.

    >>> parse_address("8080", None, LIVE_PORT)
    Address(host='127.0.0.1', port=8080, token=None)
    """
    host, colon, port = text.rpartition(":")
    if not colon and not port.isdigit():
        host, port = port, str(default_port)
    if not port.isdigit():
        raise ConfigError(f"--web {text}: write HOST:PORT, such as 127.0.0.1:{default_port}")
    return Address(host.strip("[]") or "127.0.0.1", int(port), token or None)


def is_this_machine(host: str) -> bool:
    """Return whether only this machine can reach the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
