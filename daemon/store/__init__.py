"""The local record of calls: SQLite, its migrations, the outbox."""
