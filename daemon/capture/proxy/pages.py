"""What the gateway itself answers.

Belongs here: answers to requests that go to no provider. Does not belong here: errors of upstreams (mitmproxy answers
those with 502).
"""

# pyright: reportMissingImports=false
# mitmproxy pins old libraries and is installed beside the server's environment, not in it (extra `capture`).

from __future__ import annotations

import json
from collections.abc import Sequence

from mitmproxy import http


def front_page(providers: Sequence[str]) -> http.Response:
    """Say what listens here."""
    paths = "".join(f"  /{provider}\n" for provider in providers)
    text = f"Halton Meter: proxy, and gateway for\n{paths}`halton-meter env` prints how programs are pointed here.\n"
    return http.Response.make(200, text, {"Content-Type": "text/plain; charset=utf-8"})


def unknown_path(providers: Sequence[str]) -> http.Response:
    """Say which paths there are."""
    paths = ", ".join(f"/{provider}/" for provider in providers)
    error = {
        "type": "unknown_path",
        "message": f"Halton Meter's gateway forwards what begins with {paths}: set the SDK's base URL to one of these.",
    }
    return http.Response.make(404, json.dumps({"error": error}) + "\n", {"Content-Type": "application/json"})
