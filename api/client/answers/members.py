"""Answers of `members` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, TypedDict


class InvitationShown(TypedDict):
    """One open invitation; its link is in the e-mail only."""

    id: str
    email: str
    role: str
    state: Literal["expired", "pending"]
    invited_by: str
    created_at: str
    expires_at: str
    last_sent_at: str
    sent_count: int


class InvitationsAnswer(TypedDict):
    """`GET /v1/{workspace}/invitations`."""

    invitations: list[InvitationShown]


class MemberShown(TypedDict):
    """One member."""

    user_id: str
    email: str
    display_name: str | None
    role: str
    joined_at: str
    by_directory: bool


class MembersAnswer(TypedDict):
    """`GET /v1/{workspace}/members`."""

    members: list[MemberShown]
    seats: SeatsShown


class SeatsShown(TypedDict):
    """Seats of a workspace; a limit of null means any number."""

    used: int
    limit: int | None
