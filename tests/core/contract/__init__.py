"""Tests of what edges and core say to each other."""
