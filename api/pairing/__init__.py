"""Pairing: how a machine joins a workspace (start, approve, poll), as services and routes."""
