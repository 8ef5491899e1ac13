"""An authority of the test's own, for certificates of every kind and fault."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


@dataclass
class Authority:
    """Signs certificates; without an issuer, one vouches for itself."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def name(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])

    @property
    def root(self) -> Path:
        path = self.folder / "root.pem"
        builder = _builder(self.name, self.name, self.key, until=NOW + timedelta(days=9))
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        signed = builder.add_extension(constraints, critical=True).sign(self.key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(Encoding.PEM))
        return path

    def issue(
        self,
        name: str,
        *,
        host: str = "127.0.0.1",
        until: datetime | None = None,
        self_signed: bool = False,
    ) -> Path:
        """Write a certificate and its key into one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mains")])
        issuer, by = (subject, key) if self_signed else (self.name, self.key)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        builder = _builder(subject, issuer, key, until=until or NOW + timedelta(days=9))
        signed = builder.add_extension(names, critical=False).sign(by, hashes.SHA256())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self.folder / f"{name}.pem"
        path.write_bytes(pem + signed.public_bytes(Encoding.PEM))
        return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(until)
    )
