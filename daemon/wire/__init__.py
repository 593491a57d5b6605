"""The wire contract: every message that daemons and servers exchange, typed once for all sides."""
