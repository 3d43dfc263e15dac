"""The face index: as exact as comparing everybody, whatever happens meanwhile."""
