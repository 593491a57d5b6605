"""The command `halton-meter`."""
