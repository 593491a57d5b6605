"""Made-up secrets in the real shapes."""

from __future__ import annotations

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow" + "IBAAKCAQEA\n" * 5 + "-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
SECRETS = {
    "sk-ant-api03-Zm9vYmFyYmF6cXV4-1234567890AA": "api key",
    "sk-proj-abcdefghijklmnopqrstuvwx1234": "api key",
    "sk_live_51Habcdefghijklmnop": "api key",
    "xai-abcdefghijklmnopqrstuvwxyz12": "api key",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv": "api key",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789": "api key",
    "github_pat_11ABCDEFG0123456789_abcdefghij": "api key",
    "glpat-abcdefghij0123456789": "api key",
    "hf_abcdefghijklmnopqrstuvwxyz": "api key",
    "hm_sync_abcdefghijklmnopqrstuvwxyz": "api key",
    "xoxb-1234567890-abcdefghij": "api key",
    "AKIAIOSFODNN7EXAMPLE": "api key",
    JWT: "token",
    PEM: "private key",
    "ada.lovelace+x@mail.example.co.uk": "email",
    "4111 1111 1111 1111": "card number",
    "378282246310005": "card number",
    "5555-5555-5555-4444": "card number",
}
"""Each secret, and what it is taken out as."""
