"""The edge: from a camera's packets to a gate's decision, and the news of it."""
