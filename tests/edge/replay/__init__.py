"""Tests of replaying clips."""
