"""The edge's line to the broker: one connection, looked after for as long as the process lives."""
