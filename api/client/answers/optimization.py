"""Answers of `optimization` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import TypedDict

from api.client.answers.shared import DecisionShown


class DecisionsAnswer(TypedDict):
    """`GET /v1/{workspace}/optimization/decisions`: newest first, withdrawn ones included."""

    decisions: list[DecisionShown]
