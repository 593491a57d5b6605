"""The app database: tables, migrations, and the one place that commits."""
