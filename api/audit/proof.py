"""Proving a log: chains recomputed, and compared with digests that were signed earlier.

Belongs here: what `halton-cloud audit verify` finds out, and reading a file of saved digests. Does not belong here: the
command (`api.cli.audit`), signing (`digests`).

A chain that verifies says that nobody changed it clumsily. A digest that was saved where the changer could not write
says that nobody changed it at all, up to the digest's position.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit.chain import verify_chain
from api.audit.digests import digests_of, signature_holds
from api.audit.messages import DigestsAnswer, SignedDigest
from api.db.models import GENESIS_HASH, AuditRecord
from api.errors import invalid
from pipelines.lake.ledger import landed_batches


@dataclass
class Proof:
    """What was found.

    Attributes:
        workspaces: how many were verified.
        events: how many audit events were read.
        stored_digests: how many digests of the database were compared.
        saved_digests: how many digests of a file were compared.
        heads: slug, position and head of each workspace's audit chain.
        differences: one plain sentence per fault.
    """

    workspaces: int = 0
    events: int = 0
    stored_digests: int = 0
    saved_digests: int = 0
    heads: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    differences: list[str] = field(default_factory=list[str])


def prove(
    session: Session,
    workspaces: Sequence[tuple[str, str]],
    saved: Iterable[SignedDigest],
    *,
    trusted_keys: Collection[str],
) -> Proof:
    """Verify the chains of workspaces, their stored digests, and saved ones.

    Args:
        session: a session that only reads.
        workspaces: id and slug of each.
        saved: digests from elsewhere; those of other workspaces are faults.
        trusted_keys: public keys, hex, whose signatures count.
    """
    proof = Proof()
    of_workspace = {workspace_id: list[SignedDigest]() for workspace_id, _ in workspaces}
    for digest in saved:
        proof.saved_digests += 1
        if digest.workspace_id in of_workspace:
            of_workspace[digest.workspace_id].append(digest)
        else:
            proof.differences.append(f"saved digest of {digest.utc_day}: its workspace is not among those verified")
    for workspace_id, slug in workspaces:
        report = verify_chain(session, workspace_id)
        stored = digests_of(session, workspace_id)
        faults = [
            *report.differences,
            *_against(session, workspace_id, "stored", stored, trusted_keys),
            *_against(session, workspace_id, "saved", of_workspace[workspace_id], trusted_keys),
        ]
        proof.workspaces += 1
        proof.events += report.events
        proof.stored_digests += len(stored)
        proof.heads.append({"workspace": slug, "position": report.events, "head": report.head})
        proof.differences += [f"workspace {slug}: {fault}" for fault in faults]
    return proof


def read_digests(path: Path) -> list[SignedDigest]:
    """Return the digests of a file: what `audit export` wrote, or answers of `GET /v1/{workspace}/audit/digests`.

    Raises:
        Refused: 422 the file is neither.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=DigestsAnswer).digests
    except msgspec.DecodeError:
        raise invalid("The file holds no digests as `audit export` or GET …/audit/digests gives them.") from None


def _against(
    session: Session, workspace_id: str, kind: str, digests: Sequence[SignedDigest], trusted: Collection[str]
) -> list[str]:
    """Return what does not fit between the chains as they are and digests that were signed earlier."""
    events = _hashes(session, workspace_id, {digest.position for digest in digests})
    batches = _batch_hashes(session, workspace_id, {digest.batch_position for digest in digests})
    faults: list[str] = []
    for digest in digests:
        name = f"{kind} digest of {digest.utc_day}"
        if not signature_holds(digest):
            faults.append(f"{name}: its signature does not hold")
            continue
        if digest.public_key not in trusted:
            faults.append(f"{name}: signed with a key that is not this server's")
        if events.get(digest.position) != digest.head:
            faults.append(f"{name}: the audit chain was rewritten or cut at or before event {digest.position}")
        if batches.get(digest.batch_position) != digest.batch_head:
            faults.append(f"{name}: the chain of batches was rewritten or cut at or before {digest.batch_position}")
    return faults


def _hashes(session: Session, workspace_id: str, positions: Collection[int]) -> dict[int, str]:
    found = {0: GENESIS_HASH}
    for some in _few(positions):
        query = select(AuditRecord.position, AuditRecord.hash).where(
            AuditRecord.workspace_id == workspace_id, AuditRecord.position.in_(some)
        )
        found.update({row.position: row.hash for row in session.execute(query)})
    return found


def _batch_hashes(session: Session, workspace_id: str, positions: Collection[int]) -> dict[int, str]:
    found = {0: GENESIS_HASH}
    columns = landed_batches.c
    for some in _few(positions):
        query = select(columns.chain_position, columns.chain_hash).where(
            columns.workspace_id == workspace_id, columns.chain_position.in_(some)
        )
        found.update({row.chain_position: row.chain_hash for row in session.execute(query)})
    return found


def _few(positions: Collection[int], size: int = 500) -> Iterable[list[int]]:
    """Yield positions in portions that one statement takes."""
    ordered = sorted(positions)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))
