"""Listed plates: found exactly, or told to be alike; never held as text."""
