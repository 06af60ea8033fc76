"""What a Kafka of the tests asks of its clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activity_core.embedded.ports import LOOPBACK


@dataclass(frozen=True)
class Security:
    """Asked of clients at `secured` and `encrypted`: SASL, and ACLs that deny by default.

    Attributes:
        users: passwords by name.
        certificate, key: PEM, for TLS.
    """

    users: Mapping[str, str]
    certificate: str
    key: str

    def properties(self) -> dict[str, str]:
        users = "".join(f' user_{name}="{word}"' for name, word in self.users.items())
        plain = f"org.apache.kafka.common.security.plain.PlainLoginModule required{users};"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        listeners = {
            f"listener.name.{name}.{mechanism}.sasl.jaas.config": module
            for name in ("secured", "encrypted")
            for mechanism, module in (
                ("plain", plain),
                ("scram-sha-256", scram),
                ("scram-sha-512", scram),
            )
        }
        return {
            **listeners,
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # Whoever comes by the open listener: the server itself, and the tests as its owner.
            "super.users": "User:ANONYMOUS",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": _in_one_line(self.certificate),
            "ssl.keystore.key": _in_one_line(self.key),
        }

    def scram(self) -> list[str]:
        return [
            f"{mechanism}=[name={name},password={word}]"
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for name, word in self.users.items()
        ]


def self_signed() -> tuple[str, str]:
    """A certificate for loopback that vouches for itself, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid by the real clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _in_one_line(pem: str) -> str:
    return pem.strip().replace("\n", "\\n")
