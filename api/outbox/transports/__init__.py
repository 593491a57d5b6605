"""Ways an e-mail leaves the server: a local folder, an SMTP server, Resend's HTTP API."""
