"""Says in one line why a broker could not be used, and what to do."""

import errno
import socket
import ssl

from stapes.runtime.live.mqtt.settings import PASSWORD_VARIABLE, USER_VARIABLE

# Codes of OpenSSL's verification: X509_V_ERR_... in openssl/x509_vfy.h.
_CERTIFICATE_FAULTS = {
    9: "is not valid yet; set the clock of this machine, or of the one that made the certificate",
    10: "has expired; renew it at the broker",
    18: "is self-signed and not trusted; if it is the broker's own, name it with --ca FILE",
    19: "comes from an authority that is not trusted (self-signed); name the authority's certificate with --ca FILE",
    20: "comes from an authority that is not known here; name the authority's certificate with --ca FILE",
    21: "comes from an authority that is not known here; name the authority's certificate with --ca FILE",
    23: "was revoked; make a new one for the broker",
    62: "is for another host than {host}; use the name that stands in it, or make one for {host}",
    64: "is for another host than {host}; use the name that stands in it, or make one for {host}",
}
_TLS_PORT = 8883


def fault_of(error: OSError, host: str, port: int, encrypted: bool) -> str:
    """Return what kept a connection from being made, in a sentence with what to do."""
    no_tls = f"port {port} does not speak TLS; use mqtt://, or the broker's port for TLS (often {_TLS_PORT})"
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, f"is not accepted: {error.verify_message}")
        return f"the broker's certificate {fault.format(host=host)}"
    if isinstance(error, ssl.SSLError):
        if error.reason in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"):
            return no_tls
        return f"TLS failed: {error.reason or error}; see the broker's log"
    if isinstance(error, socket.gaierror):
        return f"no address is known for {host}: {error.strerror}; check the name"
    if error.errno == errno.ECONNREFUSED:
        return f"nothing answers at port {port} of {host}; check the port, and whether the broker runs"
    if encrypted and error.errno == errno.ECONNRESET:
        return no_tls
    return error.strerror or str(error) or type(error).__name__


def refusal(reason: str, user: str) -> str:
    """Return why a broker refused a connection. reason: the name of its reason code in MQTT 5 or 3.1.1."""
    if reason.lower() in ("not authorized", "bad user name or password", "bad username or password"):
        whom = f"user {user} or the password is wrong" if user else "it wants a user and a password"
        return f"refused: {reason}; {whom}: give both with --login FILE, or in {USER_VARIABLE} and {PASSWORD_VARIABLE}"
    return f"refused: {reason}"


def no_answer(encrypted: bool, has_certificate: bool) -> str:
    """Return why a broker may have closed a connection before it said anything."""
    if not encrypted:
        return "the broker closed the connection without an answer; if that port is for TLS, use mqtts://"
    if not has_certificate:
        return (
            "the broker closed the connection without an answer; if it asks for a client's certificate, "
            "name one with --client-certificate FILE"
        )
    return "the broker closed the connection without an answer; it may not accept the client's certificate"


def not_allowed(what: str, user: str, reason: str) -> str:
    """Return that a broker denies something to a user. what: such as "publish to a/b"."""
    whom = f"user {user}" if user else "a client without a user"
    return f"{whom} may not {what} ({reason}); give the right to it in the broker's access list"
