"""Billing: prices, periods, subscriptions, and what a billing provider tells of them."""
