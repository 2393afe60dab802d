"""How the API server's identity is checked and ours is proved, from the PEM texts of a connection."""

import re

from OpenSSL import SSL, crypto
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
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

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


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
