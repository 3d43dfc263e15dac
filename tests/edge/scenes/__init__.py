"""Tests of edge.scenes."""
