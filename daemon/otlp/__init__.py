"""OpenTelemetry GenAI spans as calls."""
