"""Listed plates: exact, alike, and changed while they are read."""
