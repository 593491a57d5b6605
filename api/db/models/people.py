"""Tables of people: who they are, how they signed in, where they belong."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import (
    Base,
    Email,
    Id,
    InstantUs,
    Sha256,
    Text32,
    Text64,
    Text255,
)


class User(Base):
    """One row per person, known by one lower-case e-mail address."""

    __tablename__ = "users"

    id: Mapped[Id] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    display_name: Mapped[Text255 | None]
    created_at_us: Mapped[InstantUs]


class Membership(Base):
    """One row per person and workspace."""

    __tablename__ = "memberships"
    __table_args__ = (CheckConstraint("role IN ('owner', 'admin', 'member')", name="role_known"),)

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    joined_at_us: Mapped[InstantUs]


class FormerMembership(Base):
    """One row per person who was removed from a workspace: their next call is a 403, not the 404 of a stranger."""

    __tablename__ = "former_memberships"

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    removed_at_us: Mapped[InstantUs]


class UserIdentity(Base):
    """One row per account at an OpenID Connect issuer that signs a person in."""

    __tablename__ = "user_identities"

    issuer: Mapped[Text255] = mapped_column(primary_key=True)
    subject: Mapped[Text255] = mapped_column(primary_key=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id"), index=True)
    created_at_us: Mapped[InstantUs]


class BrowserSession(Base):
    """One row per signed-in browser; only the SHA-256 of its cookie is kept."""

    __tablename__ = "browser_sessions"

    id: Mapped[Id] = mapped_column(primary_key=True)
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id"), index=True)
    method: Mapped[Text32]
    user_agent: Mapped[Text255]
    remote_address: Mapped[Text64]
    created_at_us: Mapped[InstantUs]
    last_seen_at_us: Mapped[InstantUs]
    expires_at_us: Mapped[InstantUs] = mapped_column(index=True)
    revoked_at_us: Mapped[InstantUs | None]


class SignInAttempt(Base):
    """One row per e-mail sign-in asked for; the link and the code in the e-mail are two ways to the same end.

    It is bound to the browser that asked (`browser_sha256`), ends with its first use or its fifth wrong code, and is
    swept a day after it expired.
    """

    __tablename__ = "sign_in_attempts"

    id: Mapped[Id] = mapped_column(primary_key=True)
    email: Mapped[Email] = mapped_column(index=True)
    browser_sha256: Mapped[Sha256] = mapped_column(index=True)
    link_sha256: Mapped[Sha256] = mapped_column(unique=True)
    code_sha256: Mapped[Sha256]
    next_path: Mapped[str] = mapped_column(Text)
    remote_address: Mapped[Text64]
    created_at_us: Mapped[InstantUs]
    expires_at_us: Mapped[InstantUs] = mapped_column(index=True)
    ended_at_us: Mapped[InstantUs | None]
    wrong_tries: Mapped[int] = mapped_column(default=0)


class OidcAttempt(Base):
    """One row per sign-in sent to an OpenID Connect issuer and not yet back."""

    __tablename__ = "oidc_attempts"

    state_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    browser_sha256: Mapped[Sha256]
    nonce_sha256: Mapped[Sha256]
    sealed_verifier: Mapped[bytes] = mapped_column(LargeBinary)
    next_path: Mapped[str] = mapped_column(Text)
    created_at_us: Mapped[InstantUs]
    expires_at_us: Mapped[InstantUs] = mapped_column(index=True)


class Invitation(Base):
    """One row per invitation; pending while neither accepted nor revoked nor expired. At most one open per address."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role_known"),
        Index(
            "uq_invitations_open",
            "workspace_id",
            "email",
            unique=True,
            sqlite_where=text("accepted_at_us IS NULL AND revoked_at_us IS NULL"),
            postgresql_where=text("accepted_at_us IS NULL AND revoked_at_us IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    email: Mapped[Email] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(String(16))
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    invited_by: Mapped[Email]
    created_at_us: Mapped[InstantUs]
    expires_at_us: Mapped[InstantUs]
    sent_count: Mapped[int] = mapped_column(default=1)
    last_sent_at_us: Mapped[InstantUs]
    accepted_at_us: Mapped[InstantUs | None]
    accepted_by_user_id: Mapped[Id | None]
    revoked_at_us: Mapped[InstantUs | None]


class DirectoryMember(Base):
    """One row per person a SCIM directory manages in a workspace; inactive ones are no members but keep their row."""

    __tablename__ = "directory_members"
    __table_args__ = (UniqueConstraint("workspace_id", "user_id", name="uq_directory_members_workspace_id_user_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id"), index=True)
    external_id: Mapped[Text255 | None]
    active: Mapped[bool]
    created_at_us: Mapped[InstantUs]
    changed_at_us: Mapped[InstantUs]
