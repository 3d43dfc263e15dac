"""The matching core: face index, plate index, and the lists they hold."""
