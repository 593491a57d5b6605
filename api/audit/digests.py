"""Signed digests: the heads of a workspace's chains, signed once a day.

Belongs here: the key, signing, storing at most one digest per workspace and UTC day, reading them. Does not belong
here: when that is done (`upkeep`), comparing digests with chains (`proof`).

A digest names the length and head of the audit chain and of the chain of batches. Whoever rewrites the whole database
recomputes both chains, but neither a digest saved elsewhere nor, without the key in the home, a signature.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Engine, Select, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.audit.messages import SignedDigest
from api.db.models import AuditDigest, Workspace
from api.db.session import reading, transaction
from api.errors import workspace_not_found
from api.server_keys import server_key
from pipelines.lake.clock import from_micros, iso_utc, to_micros
from pipelines.lake.paths import Home

KEY_NAME: Final = "audit-signing"
_FORMAT: Final = "halton-audit-digest-1"
SIGNED_TEXT: Final = (
    f'{{"format":"{_FORMAT}","workspace_id":…,"utc_day":…,"position":…,"head":…,"batch_position":…,"batch_head":…,'
    '"signed_at":…} as UTF-8, values as JSON, no blanks'
)


@dataclass(frozen=True)
class Signer:
    """Signs digests.

    Attributes:
        private_key: the installation's.
    """

    private_key: Ed25519PrivateKey

    @classmethod
    def of(cls, home: Home) -> Signer:
        """Return the signer of an installation; its key is made on first use.

        Raises:
            OSError: the key can be neither read nor made.
            ValueError: the file is not a key.
        """
        return cls(Ed25519PrivateKey.from_private_bytes(server_key(home, KEY_NAME)))

    @property
    def public_key(self) -> str:
        """The public key, hex."""
        return self.private_key.public_key().public_bytes_raw().hex()

    def sign(self, workspace: Workspace, at: datetime) -> SignedDigest:
        """Return a workspace's present heads, signed."""
        unsigned = SignedDigest(
            workspace_id=workspace.id,
            utc_day=at.astimezone(UTC).date(),
            position=workspace.audit_position,
            head=workspace.audit_head,
            batch_position=workspace.batch_chain_position,
            batch_head=workspace.batch_chain_head,
            signed_at=iso_utc(at),
            public_key=self.public_key,
            signature="",
        )
        signature = self.private_key.sign(signed_text(unsigned)).hex()
        return SignedDigest(**{name: getattr(unsigned, name) for name in _SIGNED}, signature=signature)


def signed_text(digest: SignedDigest) -> bytes:
    """Return what a digest's signature covers."""
    covered = {
        "format": _FORMAT,
        "workspace_id": digest.workspace_id,
        "utc_day": digest.utc_day.isoformat(),
        "position": digest.position,
        "head": digest.head,
        "batch_position": digest.batch_position,
        "batch_head": digest.batch_head,
        "signed_at": digest.signed_at,
    }
    return json.dumps(covered, separators=(",", ":")).encode()


def signature_holds(digest: SignedDigest) -> bool:
    """Tell whether a digest was signed by the key it names."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(digest.public_key))
        key.verify(bytes.fromhex(digest.signature), signed_text(digest))
    except (InvalidSignature, ValueError):
        return False
    return True


def sign_grown_chains(engine: Engine, signer: Signer, at: datetime) -> int:
    """Sign every workspace that has no digest of the present UTC day and whose chains grew since its last one.

    Returns:
        How many digests were stored.
    """
    with reading(engine) as session:
        due = session.scalars(_due(at.astimezone(UTC).date())).all()
    return sum(_store(engine, signer, workspace_id, at) for workspace_id in due)


def digests_of(session: Session, workspace_id: str) -> list[SignedDigest]:
    """Return a workspace's stored digests, newest first."""
    query = select(AuditDigest).where(AuditDigest.workspace_id == workspace_id).order_by(AuditDigest.utc_day.desc())
    return [_shown(stored) for stored in session.scalars(query)]


def sign_now(session: Session, signer: Signer, workspace_id: str, at: datetime) -> SignedDigest:
    """Return the present heads, signed but not stored: for taking away.

    Raises:
        Refused: 404 no such workspace.
    """
    workspace = session.get(Workspace, workspace_id)
    if workspace is None:
        raise workspace_not_found()
    return signer.sign(workspace, at)


def _due(day: date) -> Select[str]:
    of_workspace = AuditDigest.workspace_id == Workspace.id
    last = select(func.max(AuditDigest.position)).where(of_workspace).scalar_subquery()
    last_batch = select(func.max(AuditDigest.batch_position)).where(of_workspace).scalar_subquery()
    today = exists().where(of_workspace, AuditDigest.utc_day == day.isoformat())
    grew = or_(
        Workspace.audit_position > func.coalesce(last, 0),
        Workspace.batch_chain_position > func.coalesce(last_batch, 0),
    )
    return select(Workspace.id).where(~today, grew).order_by(Workspace.id)


def _store(engine: Engine, signer: Signer, workspace_id: str, at: datetime) -> bool:
    try:
        with transaction(engine) as session:
            workspace = session.get(Workspace, workspace_id)
            if workspace is None:  # purged meanwhile
                return False
            digest = signer.sign(workspace, at)
            session.add(
                AuditDigest(
                    workspace_id=workspace_id,
                    utc_day=digest.utc_day.isoformat(),
                    position=digest.position,
                    head=digest.head,
                    batch_position=digest.batch_position,
                    batch_head=digest.batch_head,
                    public_key=digest.public_key,
                    signature=bytes.fromhex(digest.signature),
                    signed_at_us=to_micros(at),
                )
            )
    except IntegrityError:  # another worker was faster, or the workspace is just being purged
        return False
    return True


def _shown(stored: AuditDigest) -> SignedDigest:
    return SignedDigest(
        workspace_id=stored.workspace_id,
        utc_day=date.fromisoformat(stored.utc_day),
        position=stored.position,
        head=stored.head,
        batch_position=stored.batch_position,
        batch_head=stored.batch_head,
        signed_at=iso_utc(from_micros(stored.signed_at_us)),
        public_key=stored.public_key,
        signature=stored.signature.hex(),
    )


_SIGNED: Final = tuple(name for name in SignedDigest.__struct_fields__ if name != "signature")
