"""Real parts for tests: brokers, databases, cameras, clips, browsers."""
