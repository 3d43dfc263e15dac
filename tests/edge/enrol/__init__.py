"""Enrolling a face at an edge."""
