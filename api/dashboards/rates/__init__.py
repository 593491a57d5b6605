"""Prices of tokens: the rate book, what usage would have cost otherwise, and what learning of prices changed."""
