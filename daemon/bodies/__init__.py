"""Requests and answers kept on this machine, for projects that asked for it."""
