"""What every table of people and devices shares: the declarative base and the types of columns.

Belongs here: column types and the words a column may hold. Does not belong here: tables (the modules beside this one).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

from pipelines.lake.ledger import Uuid36, metadata

GENESIS_HASH = "0" * 64
"""What the first link of every hash chain names as its predecessor."""

Id = Annotated[str, mapped_column(Uuid36)]
InstantUs = Annotated[int, mapped_column(BigInteger)]
Position = Annotated[int, mapped_column(BigInteger)]
Sha256 = Annotated[str, mapped_column(String(64))]
PicousdPerToken = Annotated[int, mapped_column(BigInteger)]
Millicents = Annotated[int, mapped_column(BigInteger)]
Text32 = Annotated[str, mapped_column(String(32))]
Text64 = Annotated[str, mapped_column(String(64))]
Text255 = Annotated[str, mapped_column(String(255))]
Email = Annotated[str, mapped_column(String(320))]


class Plan(StrEnum):
    """What a workspace pays for; its limits are in `api.plans`."""

    SOLO = "solo"
    TEAM = "team"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


class Role(StrEnum):
    """What a member may do in one workspace, most privileged first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class RevokedReason(StrEnum):
    """Why a device's token stopped working."""

    REVOKED = "revoked"
    DISCONNECTED = "disconnected"
    REPAIRED = "repaired"


class PairingStatus(StrEnum):
    """How far a pairing has come. Expiry is not stored: it follows from `expires_at_us`."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CONSUMED = "consumed"
    BURNED = "burned"


class Base(DeclarativeBase):
    """Every mapped table, on the same metadata as the ledger's."""

    metadata = metadata
