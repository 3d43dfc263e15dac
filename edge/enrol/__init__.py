"""Enrolling a face at the edge: one portrait in, one sealed template out, the portrait forgotten."""
