"""How the API server's identity is checked and ours is proved, from the PEM texts of a connection."""

import re
from dataclasses import replace

import txaio
from OpenSSL import SSL, crypto
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorTime
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from isoproxy.kube.config import ConfigError, Connection

log = txaio.make_logger()

LOOK_SECONDS = 10.0
"""How long it may take until an authority, or a certificate of ours, that was exchanged in its file is used."""
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Sessions:
    """Makes TLS sessions by the authorities and certificates that are in the files of a connection now.

    A cluster exchanges them while we run; by the old ones the API server could be reached no more. They are small, and
    read seldom: on the reactor's thread.
    """

    def __init__(self, reactor: IReactorTime, connection: Connection) -> None:
        """Raises ConfigError for PEM that cannot be used."""
        self._reactor = reactor
        self._connection = connection
        self._maker = client_tls(connection)
        self._look_at = float("-inf")

    def maker(self) -> IOpenSSLClientConnectionCreator:
        """Return what makes the session of a new connection."""
        reread, now = self._connection.reread, self._reactor.seconds()
        if reread is not None and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            try:
                self._take(reread())
            except ConfigError as error:
                log.warn("the certificates of before are used on: {error}", error=error)
        return self._maker

    def _take(self, found: Connection) -> None:
        if found != self._connection:
            self._maker = client_tls(found)
            self._connection = replace(found, reread=self._connection.reread)
            log.info("certificates for the API server have been exchanged")


def client_tls(connection: Connection) -> IOpenSSLClientConnectionCreator:
    """The maker of TLS sessions for an https connection. Raises ConfigError for PEM that cannot be used."""
    name = connection.server_name or connection.host
    own, chain = _own_certificate(connection)
    if not connection.verify:
        options = CertificateOptions(
            privateKey=own.privateKey.original if own else None,
            certificate=own.original if own else None,
            extraCertChain=chain or None,
        )
        return _Unverified(options, name)
    trust = None  # the system's
    if connection.trust is not None:
        trust = trustRootFromCertificates(_certificates(connection.trust, "certificate authority"))
    extra = {"extraCertChain": chain} if chain else None
    return optionsForClientTLS(name, trustRoot=trust, clientCertificate=own, extraCertificateOptions=extra)


def _own_certificate(connection: Connection) -> tuple[PrivateCertificate | None, list[crypto.X509]]:
    """Our certificate with its key, and the intermediates that were in the same file."""
    if connection.client_certificate is None and connection.client_key is None:
        return None, []
    if connection.client_certificate is None or connection.client_key is None:
        raise ConfigError("a client certificate and a client key come together, and one is missing")
    leaf, *chain = _certificates(connection.client_certificate, "client certificate")
    try:
        # With a passphrase given, a key that needs one fails here and does not ask for it at the terminal.
        key = KeyPair(crypto.load_privatekey(crypto.FILETYPE_PEM, connection.client_key, b"-"))
        own = PrivateCertificate.fromCertificateAndKeyPair(leaf, key)
    except Exception as error:  # OpenSSL, cryptography and Twisted have one each
        raise ConfigError(f"the client key cannot be used with the client certificate: {_reason(error)}") from error
    return own, [certificate.original for certificate in chain]


def _certificates(pem: bytes, what: str) -> list[Certificate]:
    """Every certificate of a bundle; `loadPEM` alone would take the first."""
    try:
        certificates = [Certificate.loadPEM(match) for match in _CERTIFICATE.findall(pem)]
    except Exception as error:
        raise ConfigError(f"the {what} is malformed: {_reason(error)}") from error
    if not certificates:
        raise ConfigError(f"the {what} is no PEM certificate")
    return certificates


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@implementer(IOpenSSLClientConnectionCreator)
class _Unverified:
    """Sessions with whoever answers, as `insecure-skip-tls-verify` asks for."""

    def __init__(self, options: CertificateOptions, name: str) -> None:
        self._options = options
        self._name = None if isIPAddress(name) or isIPv6Address(name) else name.encode("idna")

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        session = self._options.clientConnectionForTLS(tlsProtocol)
        if self._name is not None:
            session.set_tlsext_host_name(self._name)
        return session
