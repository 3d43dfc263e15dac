"""The edge's own copy of its lists: durable, encrypted at rest, searchable while the core is away."""
