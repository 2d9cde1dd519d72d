"""TLS as a client meets it: whom it believes, and what it shows of itself.

At least TLS 1.2. The other end's certificate is always verified, and its name too; nothing here can turn that off.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cutpoint.errors import ConfigurationError
from cutpoint.store.private_files import check_secret, read_private
from cutpoint.wire.checks import one_line

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientTls:
    """``ca``: the file of the certificates to believe; None: those that the system believes.

    ``certificate``, ``key``: what to show to a server that asks for it; the key may be in the certificate's file.
    """

    ca: AnyPath | None = None
    certificate: AnyPath | None = None
    key: AnyPath | None = None

    def context(self) -> ssl.SSLContext:
        """Ready for connections. Raises `ConfigurationError` for files that cannot be meant."""
        if self.key is not None and self.certificate is None:
            raise ConfigurationError("a key was given without its certificate; nothing was started; give both")
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ValueError) as error:
            raise _unusable(self.ca, "certificates to believe", error) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            load_pair(context, self.certificate, self.key)
        return context


def is_loopback(host: str) -> bool:
    """Whether what is sent to ``host`` stays on this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def tls_complaint(error: BaseException) -> str:
    """Why a connection with TLS failed, in a few words."""
    cause: BaseException | None = error
    while cause is not None:
        inner = getattr(cause, "certificate_error", None) or getattr(cause, "os_error", None) or cause
        if isinstance(inner, ssl.SSLCertVerificationError):
            return inner.verify_message
        if isinstance(inner, ssl.SSLError):
            return str(inner.reason or inner)
        cause = cause.__cause__
    return one_line(error)


def load_pair(context: ssl.SSLContext, certificate: AnyPath, key: AnyPath | None) -> None:
    """Let ``context`` show ``certificate``. Raises `ConfigurationError`, also for a key that others may read."""
    secret = Path(key if key is not None else certificate)
    check_secret(secret, read_private(secret, make="openssl genpkey").mode)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise _unusable(certificate, "a certificate with its key", error) from error


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted, and a service has nobody to ask for its password")


def _unusable(path: AnyPath | None, what: str, error: Exception) -> ConfigurationError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
    return ConfigurationError(
        f"{one_line(os.fspath(path or 'the system'))} does not hold {what} ({one_line(reason)}); nothing was started; "
        "give a file in PEM"
    )
