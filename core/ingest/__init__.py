"""Everything that arrives over MQTT: validated, committed once, acknowledged after the commit."""
