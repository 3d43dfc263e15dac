"""Who is seen, how well, and what is read: pure parts, no cameras, no decisions."""
