"""The laptop side: sync with a cloud and the CLI `halton-meter`. Light: msgspec, httpx and click only."""
