"""Closed months: what was said about a month when it was closed, signed, and opening it again."""
