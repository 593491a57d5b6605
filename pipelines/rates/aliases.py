"""Which priced model a daemon's model name means.

Belongs here: resolving (provider, model) as landed to the rate book's `model_ref`, by the package's own matching rules.
Does not belong here: prices (`seed`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipelines.rates.seed import PACKAGE_PROVIDERS, model_ref, package_snapshot

_GPT: Final = re.compile(r"^gpt[ -]", re.IGNORECASE)


@dataclass(frozen=True)
class ModelAlias:
    """What a (provider, model) as landed stands for.

    Attributes:
        model_ref: the rate book's name, None when no price is known for it.
        display_name: for people; the model itself when it is unknown.
    """

    provider: str
    model: str
    model_ref: str | None
    display_name: str


def resolve_model(provider: str, model: str) -> ModelAlias:
    """Resolve one (wire provider, model) pair; dated names such as `claude-sonnet-4-5-20250929` find their model."""
    package_id = PACKAGE_PROVIDERS.get(provider)
    if package_id is None:
        return ModelAlias(provider, model, None, model)
    try:
        found_provider, found = package_snapshot().find_provider_model(model, None, package_id, None)
    except LookupError:
        return ModelAlias(provider, model, None, model)
    return ModelAlias(provider, model, model_ref(found_provider, found), _consistent(found.name or model))


def _consistent(name: str) -> str:
    """Return a name written as its family's others: the package has `gpt 4o` beside `GPT-5`."""
    return _GPT.sub("GPT-", name)


def resolve_models(pairs: Iterable[tuple[str, str]]) -> list[ModelAlias]:
    """Resolve distinct pairs, sorted by (provider, model)."""
    return [resolve_model(provider, model) for provider, model in sorted(set(pairs))]
