"""Which money a call is: paid by the token, or covered by a plan that is paid by the month.

Belongs here: what headers say of that. Does not belong here: prices. Of a credential only its kind is looked at;
nothing of it is kept.

Anthropic's plans sign their requests with a token of their own kind (`sk-ant-oat`), keys of the API have another. What
goes beyond a plan is paid by the token: the answer's headers say when that has begun, and fast serving is in no plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daemon.capture.providers.fields import header

COVERED: Final = "subscription_imputed"
"""`billing_basis` of use that a plan covers: priced for comparison, not owed."""
FAST: Final = "fast"
"""`service_tier` of Anthropic's faster serving."""
_OF_A_PLAN: Final = "sk-ant-oat"
_BEARER: Final = "bearer"
_LIMITS: Final = "anthropic-ratelimit-unified-"


def by_plan(provider: str, request_headers: Mapping[str, str]) -> bool:
    """Whether a request is signed for a plan."""
    if provider != "anthropic":
        return False
    scheme, _, credential = (header(request_headers, "authorization") or "").strip().partition(" ")
    return scheme.lower() == _BEARER and credential.lstrip().startswith(_OF_A_PLAN)


def beyond_plan(answer_headers: Mapping[str, str]) -> bool:
    """Whether an answer says that the plan is used up and the call is paid for beside it."""
    in_use = (header(answer_headers, f"{_LIMITS}overage-in-use") or "").strip().lower()
    claim = (header(answer_headers, f"{_LIMITS}representative-claim") or "").strip().lower()
    return in_use == "true" or claim == "overage"


def billing_basis(*, planned: bool, beyond: bool, service_tier: str | None) -> str | None:
    """Return which money a call is: None for what is owed by the token."""
    return COVERED if planned and not beyond and service_tier != FAST else None
