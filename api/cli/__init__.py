"""The command line of the server side, `halton-cloud`."""
