"""What happens at one gate, door or lane: watching, deciding, opening."""
