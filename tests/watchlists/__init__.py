"""The matching core."""
