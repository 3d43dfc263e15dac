"""Where the core remembers: tables, sessions, migrations. SQLite or PostgreSQL."""
