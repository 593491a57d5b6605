"""What is said about a month, signed so that nobody can say later that it was something else.

Belongs here: the canonical document, its digest and signature, and proving both. Does not belong here: rows and rules
(`closing`), the server's key itself (`api.server_keys`).

The key is the one digests of the audit log are signed with (`api.audit.digests`); the document names its own format, so
that no signature of the one passes for the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.audit.digests import Signer

FORMAT: Final = "halton-month-close-1"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed document.

    Attributes:
        document: canonical JSON.
        digest: SHA-256 of it, hex.
        public_key: Ed25519, hex.
        signature: of the document's bytes, hex.
    """

    document: str
    digest: str
    public_key: str
    signature: str


def sign(signer: Signer, content: Mapping[str, Any]) -> Signed:
    """Return the document of what is said, signed."""
    document = canonical({"format": FORMAT, **content})
    signature = signer.private_key.sign(document.encode()).hex()
    return Signed(document, digest_of(document), signer.public_key, signature)


def canonical(content: Mapping[str, Any]) -> str:
    """Return the one JSON text of a content: keys sorted, no blanks, ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_of(document: str) -> str:
    """Return the digest of a document, hex."""
    return hashlib.sha256(document.encode()).hexdigest()


def signature_holds(signed: Signed) -> bool:
    """Tell whether a document was signed by the key it names."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.public_key))
        key.verify(bytes.fromhex(signed.signature), signed.document.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
