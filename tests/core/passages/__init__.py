"""Tests of passages, pictures and gates."""
