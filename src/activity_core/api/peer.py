"""The peer: who is at the other end of the connection, as far as TLS proves it.

In: the certificate of the client, checked by our own TLS or by a trusted proxy before us. Out: its
subject, as RFC 4514 writes it, for sources that say `mtls`. `server` serves with the context and
the protocol from here.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from cryptography.x509 import load_der_x509_certificate

from activity_core.api.request_head import BoundedProtocol
from activity_core.core.errors import ConfigurationError, UnverifiedError

_SUBJECT = "certificate"
"""Where a request's state has the subject that our own TLS checked."""


class CertificateProtocol(BoundedProtocol):
    """HTTP whose requests know the certificate of their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`; TLS is set up by now."""
        super().connection_made(transport)
        link = transport.get_extra_info("ssl_object")
        self.app_state = self.app_state | {_SUBJECT: _subject(link) if link else ""}


class Peers:
    """Whose word is taken for a client's certificate.

    `header`: where a proxy writes the subject; `proxies`: networks of those that are believed.

    Raises:
        ConfigurationError: one without the other, or what is no network.
    """

    def __init__(self, header: str = "", proxies: Sequence[str] = ()) -> None:
        if bool(header) != bool(proxies):
            raise ConfigurationError(
                "a header with certificates and the proxies that may set it need each other",
                hint="set ACTIVITY_CORE_CLIENT_CERTIFICATE_HEADER and "
                "ACTIVITY_CORE_TRUSTED_PROXIES, or neither",
            )
        self._header = header.lower()
        try:
            self._proxies = [ip_network(network) for network in proxies]
        except ValueError as error:
            raise ConfigurationError(str(error), subject="ACTIVITY_CORE_TRUSTED_PROXIES") from None

    def certificate(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """The subject of the client's certificate; empty if it showed none.

        Of what comes through a trusted proxy only its header counts: the certificate of the
        connection is the proxy's own.

        Raises:
            UnverifiedError: somebody else sends that header.
        """
        if self._header and self._trusts(scope.get("client")):
            return headers.get(self._header, "").strip()
        if self._header and self._header in headers:
            raise UnverifiedError("no trusted proxy, but sends its header")
        subject: str = scope["state"].get(_SUBJECT, "")
        return subject

    def _trusts(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ip_address(client[0] if client else "")
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._proxies)


def tls_context(cert: str, key: str | None, client_ca: str | None) -> ssl.SSLContext:
    """TLS for our server, from PEM files; with `client_ca`, clients may show a certificate.

    Raises:
        ConfigurationError: a file cannot be read, or does not hold what it should.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            # Optional: API keys and signed webhooks need none; what is shown must be good.
            context.verify_mode = ssl.CERT_OPTIONAL
    except OSError as error:
        raise ConfigurationError(
            f"TLS cannot be set up: {error}",
            hint="see ACTIVITY_CORE_TLS_CERT, ACTIVITY_CORE_TLS_KEY, ACTIVITY_CORE_TLS_CLIENT_CA",
        ) from None
    return context


def _subject(link: ssl.SSLObject) -> str:
    shown = link.getpeercert(binary_form=True)
    if shown is None or link.context.verify_mode == ssl.CERT_NONE:  # nobody checked it
        return ""
    return load_der_x509_certificate(shown).subject.rfc4514_string()
