"""Certificates made for a test, as PEM."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.internet.ssl import Certificate, CertificateOptions, PrivateCertificate, trustRootFromCertificates


@dataclass(frozen=True)
class Identity:
    """A certificate with its key; as an authority it issues others."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def issue(self, name: str, *, authority: bool = False, names: tuple[str, ...] = ()) -> "Identity":
        return _make(name, self, authority=authority, names=names)


def new_authority(name: str = "authority") -> Identity:
    return _make(name, None, authority=True, names=())


def server_tls(identity: Identity, *, clients: Identity | None = None) -> CertificateOptions:
    """A server that shows this identity and, where `clients` is given, wants one that it issued in return."""
    shown = PrivateCertificate.loadPEM(identity.pem + identity.key)
    trust = trustRootFromCertificates([Certificate.loadPEM(clients.pem)]) if clients else None
    return CertificateOptions(privateKey=shown.privateKey.original, certificate=shown.original, trustRoot=trust)


def _make(name: str, issuer: Identity | None, *, authority: bool, names: tuple[str, ...]) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
    return Identity(builder.sign(issuer.private_key if issuer else key, hashes.SHA256()), key)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
