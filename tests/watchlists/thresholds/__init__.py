"""Thresholds: found in scores, kept in a file, used by an edge."""
