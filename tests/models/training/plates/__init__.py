"""Plates are drawn as they are issued, and the same number draws the same picture."""
