"""Who calls what in the simulated agency: its projects, the models in use, the laptops.

Belongs here: names, shares and typical sizes. Does not belong here: time (`schedule`), prices (`prices`), and the
making of calls (`session`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Style(StrEnum):
    """How a piece of work calls its model."""

    AGENT = "agent"
    CHAT = "chat"
    BATCH = "batch"
    EMBEDDING = "embedding"


@dataclass(frozen=True)
class Project:
    """A client's project.

    Attributes:
        slug: as attributed; `misc` collects what no rule could attribute.
        style: how most of its work calls models.
        nightly: runs by itself in the small hours.
    """

    slug: str
    style: Style
    nightly: bool = False


@dataclass(frozen=True)
class Model:
    """A model in use.

    Attributes:
        provider: wire name.
        name: as the provider returns it.
        share: weight among the agency's sessions.
        style: None when it takes any conversational work.
        caches_reads: repeated prompt prefixes are billed as cache reads.
        caches_writes: new prefixes are billed as cache writes.
        thinking_share: part of the output that is thinking, for calls that think.
        context_limit: prompts are compacted before they pass it, tokens.
        milliseconds_per_token: of output.
        imputed_share: part of its sessions that run under a flat subscription.
    """

    provider: str
    name: str
    share: float
    style: Style | None = None
    caches_reads: bool = True
    caches_writes: bool = False
    thinking_share: float = 0.0
    context_limit: int = 120_000
    milliseconds_per_token: float = 14.0
    imputed_share: float = 0.0


@dataclass(frozen=True)
class Laptop:
    """A developer's machine.

    Attributes:
        hostname: also `source_machine` of its records.
        platform: as Python's `platform.system()` names it.
        time_zone: IANA name; decides its working hours.
        home: start of `source_workdir` under privacy `full`.
        privacy: `standard` or `full`.
    """

    hostname: str
    platform: str
    time_zone: str
    home: str
    privacy: str = "standard"


# Most used first: shares fall as 1/rank (Zipf), and each laptop prefers some over others.
PROJECTS: Final = (
    Project("acme-api", Style.AGENT),
    Project("northwind-checkout", Style.AGENT),
    Project("globex-support-bot", Style.CHAT),
    Project("acme-batch-summariser", Style.BATCH, nightly=True),
    Project("initech-data-platform", Style.AGENT),
    Project("umbrella-search", Style.EMBEDDING),
    Project("hooli-mobile", Style.AGENT),
    Project("acme-website", Style.CHAT),
    Project("stark-rfp-writer", Style.CHAT),
    Project("wayne-etl", Style.BATCH, nightly=True),
    Project("internal-tools", Style.AGENT),
    Project("misc", Style.CHAT),
)

MODELS: Final = (
    Model("anthropic", "claude-sonnet-4-5-20250929", 22, caches_writes=True, thinking_share=0.3, context_limit=260_000),
    Model("anthropic", "claude-sonnet-4-6", 14, caches_writes=True, thinking_share=0.35, context_limit=180_000),
    Model("anthropic", "claude-opus-4-5-20251101", 5, caches_writes=True, thinking_share=0.4, context_limit=180_000),
    Model("anthropic", "claude-haiku-4-5-20251001", 13, caches_writes=True, milliseconds_per_token=7.0),
    Model("openai", "gpt-5-2025-08-07", 11, thinking_share=0.6, context_limit=200_000),
    Model("openai", "gpt-5-mini-2025-08-07", 8, thinking_share=0.45, milliseconds_per_token=8.0),
    Model("openai", "gpt-5-codex", 5, thinking_share=0.55, context_limit=200_000, imputed_share=0.8),
    Model("openai", "gpt-4o-2024-08-06", 3),
    Model("openai", "gpt-4o-mini-2024-07-18", 4, Style.BATCH, milliseconds_per_token=9.0),
    Model("openai", "o3", 1.5, thinking_share=0.7, milliseconds_per_token=18.0),
    Model("openai", "text-embedding-3-small", 1, Style.EMBEDDING, caches_reads=False),
    Model("gemini", "gemini-2.5-pro", 6, thinking_share=0.5, context_limit=320_000, imputed_share=0.1),
    Model("gemini", "gemini-2.5-flash", 5, thinking_share=0.25, milliseconds_per_token=5.0),
    Model("xai", "grok-4-0709", 2, thinking_share=0.5),
    Model("xai", "grok-code-fast-1", 2, thinking_share=0.3, milliseconds_per_token=6.0, imputed_share=0.5),
    Model("groq", "llama-3.3-70b-versatile", 2.5, caches_reads=False, milliseconds_per_token=3.5),
    Model("groq", "llama-3.1-8b-instant", 1.5, Style.BATCH, caches_reads=False, milliseconds_per_token=1.6),
)

UNKNOWN_MODELS: Final = (
    Model("openai", "acme-router-v2", 1),
    Model("anthropic", "claude-next-preview", 1, caches_writes=True),
    Model("groq", "acme-llama-ft-70b", 1, caches_reads=False),
)
"""Models nobody has a price for; their cost is null, not zero."""

_LAPTOPS: Final = (
    Laptop("dev-mbp-vk", "Darwin", "Europe/London", "/Users/vk/src"),
    Laptop("studio-linux-07", "Linux", "America/New_York", "/home/mara/work", "full"),
    Laptop("blr-thinkpad-03", "Linux", "Asia/Kolkata", "/home/anil/code"),
    Laptop("syd-mbp-jo", "Darwin", "Australia/Sydney", "/Users/jo/projects"),
    Laptop("ber-ryzen-01", "Linux", "Europe/Berlin", "/home/lena/dev"),
    Laptop("sfo-surface-2", "Windows", "America/Los_Angeles", "C:\\Users\\sam\\dev", "full"),
)


def laptop(index: int) -> Laptop:
    """Return the laptop of simulated device `index` (from 0); there is no last one."""
    base = _LAPTOPS[index % len(_LAPTOPS)]
    turn = index // len(_LAPTOPS)
    if turn == 0:
        return base
    return Laptop(f"{base.hostname}-{turn + 1}", base.platform, base.time_zone, base.home, base.privacy)


def share_of(total: int, index: int, count: int) -> int:
    """Return how many of `total` rows device `index` of `count` has; the shares are uneven and add up exactly.

    Raises:
        ValueError: no such device.
    """
    if not 0 <= index < count:
        raise ValueError(f"there is no device {index} among {count}")
    # Weights 1/(1 + i/2): the busiest of three laptops has about 46 % of the calls. Cut points keep the sum exact.
    weights = [12_000 * 2 // (2 + i) + 1 for i in range(count)]
    before, through = sum(weights[:index]), sum(weights[: index + 1])
    return total * through // sum(weights) - total * before // sum(weights)
