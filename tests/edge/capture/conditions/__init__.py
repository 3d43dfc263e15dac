"""What can be wrong with a camera that sends pictures."""
