"""What the command line says about a broker, apart from its address."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote

from stapes.firmware_sim.errors import ConfigError

USER_VARIABLE, PASSWORD_VARIABLE = "STAPES_MQTT_USER", "STAPES_MQTT_PASSWORD"


@dataclass(frozen=True)
class MqttSettings:
    """Files for the connection to a broker; None where the command line names none."""

    ca: Path | None = None  # certificates of the authorities that are trusted, PEM; None: those of this machine
    certificate: Path | None = None  # of this client, PEM
    key: Path | None = None  # of this client, PEM; None: it is in the file of the certificate
    login: Path | None = None  # USER:PASSWORD

    @property
    def names_tls(self) -> bool:
        """Whether a file is named that only an encrypted connection uses."""
        return any((self.ca, self.certificate, self.key))


@dataclass(frozen=True)
class Login:
    """A user's name and password; the password is never shown."""

    user: str = ""
    password: str | None = None

    def __repr__(self) -> str:
        return f"Login({self.user!r}, …)"


def login_of(parts: SplitResult, settings: MqttSettings) -> Login:
    """Return the login that the file of --login, the URL or the environment names.

    Raises ConfigError when the URL and the file both name a user, or when the file is none.
    """
    if settings.login is not None:
        if parts.username:
            raise ConfigError(
                f"--login {settings.login}: the user stands in the URL of --to, too; leave out one of the two"
            )
        return _read_login(settings.login)
    user = unquote(parts.username) if parts.username else os.environ.get(USER_VARIABLE, "")
    return Login(user, unquote(parts.password) if parts.password else os.environ.get(PASSWORD_VARIABLE))


def _read_login(path: Path) -> Login:
    try:
        user, colon, password = path.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r").partition(":")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"--login {path}: it cannot be read ({reason}); need a file whose first line is USER:PASSWORD"
        ) from None
    if not user or not colon:
        raise ConfigError(f"--login {path}: its first line must be USER:PASSWORD; there is no user, or no colon")
    return Login(user, password)
