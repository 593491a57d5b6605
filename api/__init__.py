"""The server: FastAPI application, app database, landing at the door, dashboards, and the CLI `halton-cloud`."""
