"""Optimisation: what people decide about recommendations."""
