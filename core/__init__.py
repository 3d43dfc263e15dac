"""The core: what happens after an edge has decided, and who may know about it."""
