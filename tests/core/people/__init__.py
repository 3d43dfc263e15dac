"""Tests of people, consents, passes, vehicles and edges."""
