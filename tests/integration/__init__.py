"""The whole of Anju, from camera to page."""
