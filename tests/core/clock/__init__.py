"""A wrong clock ends nothing, whichever way it is wrong."""
