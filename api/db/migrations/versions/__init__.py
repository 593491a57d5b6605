"""Revisions, one module each; a published one is never edited."""
