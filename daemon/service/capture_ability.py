"""Whether this installation captures calls, and what to say where it does not.

Belongs here: one answer for everybody who asks. Does not belong here: capturing (`daemon.capture`).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from daemon.config import Config

INSTALL_CAPTURE: Final = "pip install 'halton-meter-cloud[capture]'"


def why_not_captured(config: Config) -> str | None:
    """Return why no calls are captured, with the remedy; None when they are."""
    if not config.capture.enabled:
        return "switched off: set `enabled = true` under [capture] in config.toml, then `halton-meter restart`"
    if find_spec("mitmproxy") is None:
        return f"not installed: {INSTALL_CAPTURE}, then `halton-meter restart`"
    return None
