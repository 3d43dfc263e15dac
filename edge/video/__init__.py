"""A camera's packets as people watch them: live, and as a clip around an event. Never decoded, never encoded again."""
