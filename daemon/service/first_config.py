"""The `config.toml` that `init` writes: every setting with its default, switched off by a comment sign.

Belongs here: the text. Does not belong here: the settings' meaning and checks (`daemon.config`).
"""

from __future__ import annotations

from typing import Final

FIRST_CONFIG: Final = """\
# Halton Meter. Every line below shows a default; take the sign away in front of it to set something else.
# `halton-meter restart` makes the daemon read this file anew. [cloud] counts at once.

[capture]
# enabled = true
# port = 8090                 # of proxy and gateway, on 127.0.0.1

[capture.upstreams]           # where a gateway forwards to, if not to the provider itself
# anthropic = "https://llm.example.com/anthropic"

[capture.hosts]               # further hosts whose calls are metered: a company's own gateway
# "llm.example.com" = "openai"

[api]
# port = 8765                 # loopback API, on 127.0.0.1

[cors]
# allow_origins = ["http://localhost:3000"]

[store]
# retention_days = 90         # calls that a cloud has yet to acknowledge are kept for longer

[bodies]
# projects = []               # whose requests and answers are kept on this machine, redacted
# max_bytes = 262144

[cloud]                       # `halton-meter cloud connect` writes the rest
# sync_interval_seconds = 15.0

[cloud.upload]
# preset = "standard"         # minimal, standard or full: what of a call leaves this machine
"""
