"""What leaves this machine, when, and what came of it."""
