"""One LLM call as this machine knows it: its tokens, its facts, and the record that leaves of it."""
