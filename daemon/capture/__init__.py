"""Seeing calls as they happen."""
