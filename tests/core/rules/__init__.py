"""Tests of when a passage becomes an alert."""
