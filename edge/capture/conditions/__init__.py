"""What can be wrong with a camera that sends pictures: found by small looks at them, told once each has lasted."""
