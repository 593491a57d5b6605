"""The embedded mitmproxy: the only room that imports it."""
