"""Cases: who is sought, and what it takes."""
