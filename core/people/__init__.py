"""People who may pass, what they agreed to, their passes and vehicles, and the edges that may hold their faces."""
