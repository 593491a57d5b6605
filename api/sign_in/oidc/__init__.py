"""Signing in at an OpenID Connect issuer: one issuer, named by the environment."""
