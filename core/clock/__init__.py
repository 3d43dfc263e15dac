"""By which time the core ends things: the machine's clock, as far as something bears it out."""
