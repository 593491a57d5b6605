"""The daemon's process: its parts, its loopback API, starting and stopping it."""
