"""What a Kafka of the tests asks of its clients."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Security:
    """Asked of clients at `secured` and `encrypted`: SASL, and ACLs that deny by default.

    Attributes:
        users: passwords by name.
        certificate, key: PEM, for TLS; in one line each, as Kafka's properties want them.
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
            "ssl.keystore.certificate.chain": self.certificate,
            "ssl.keystore.key": self.key,
        }

    def scram(self) -> list[str]:
        return [
            f"{mechanism}=[name={name},password={word}]"
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for name, word in self.users.items()
        ]
