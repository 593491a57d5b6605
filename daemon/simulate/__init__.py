"""A simulated daemon: a made-up or replayed history of calls, uploaded as a real daemon would. No real data in it."""
