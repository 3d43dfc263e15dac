"""What happens at lines, lanes, zones and doors: bodies and contacts, counted and told, nobody recognised."""
