"""Tests of tables, migrations and sessions."""
