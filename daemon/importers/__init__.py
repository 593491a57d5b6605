"""Calls that no proxy sees: session logs and exports of other tools."""
