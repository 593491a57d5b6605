"""Whose call it is: the chain of rules from a process to a project."""
