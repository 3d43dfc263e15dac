"""The pure parts of seeing."""
