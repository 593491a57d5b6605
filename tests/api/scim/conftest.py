"""Fixtures of these tests: the workspace with people of the tests about members."""

from __future__ import annotations

from tests.api.members.conftest import club, plan

__all__ = ["club", "plan"]
