"""The address of a Dask scheduler, checked before Dask is loaded: Dask takes 40 s to find out that one cannot work."""

import socket
from urllib.parse import urlsplit

from stapes.firmware_sim.errors import ConfigError

PROTOCOLS = ("tcp", "tls", "ws", "wss")  # those of Dask that need no other package


def require_scheduler_address(address: str) -> None:
    """Raise ConfigError unless `address` is [PROTOCOL://]HOST:PORT and the name of the host is known."""
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme not in PROTOCOLS:
        raise ConfigError(
            f"--scheduler {address}: write PROTOCOL://HOST:PORT with one of the protocols {', '.join(PROTOCOLS)}, "
            "such as tcp://127.0.0.1:8786"
        )
    try:
        socket.getaddrinfo(host, port)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--scheduler {address}: no machine has the name {host} ({error}); correct it") from None
