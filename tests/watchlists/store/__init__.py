"""Tests of templates at rest: encrypted, durable, and gone when they are erased."""
