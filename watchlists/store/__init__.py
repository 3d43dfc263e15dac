"""Templates at rest: encrypted with a key per subject, durable, gone when the key is gone."""
