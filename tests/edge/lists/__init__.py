"""The edge's mirror of its lists."""
