"""E-mails owed to people: queued with the change that owes them, sent once, by a thread of the server."""
