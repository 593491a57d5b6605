"""How providers write themselves, for pages and reports.

Belongs here: their names. Does not belong here: which calls and bills are whose (`pipelines`).
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "gemini": "Gemini",
    "google": "Gemini",
    "groq": "Groq",
    "xai": "xAI",
}


def provider_words(provider: str) -> str:
    """Return a provider as it writes itself; one that is not known, as it stands."""
    return _WORDS.get(provider, provider)
