"""Tests of the alert desk."""
