"""Tests of how changes reach the edges."""
