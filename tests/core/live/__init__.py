"""Tests of what pages are told."""
