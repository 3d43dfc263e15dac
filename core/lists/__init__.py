"""How people, vehicles and passes reach the edges: numbered changes, rendered from the current tables, sealed."""
