"""Signing in: proving who somebody is, by e-mail or at an OpenID Connect issuer."""
