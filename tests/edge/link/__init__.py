"""Tests of the edge's line to the broker."""
