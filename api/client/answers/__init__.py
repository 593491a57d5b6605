"""What each GET route answers, as typed dictionaries; written by `python -m api.client_types`."""
