"""Talking to a cloud: the client of protocol version 1, its retries and its errors."""
