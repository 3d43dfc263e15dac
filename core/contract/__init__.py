"""What edges and core say to each other: typed ids, events, lists, topics, the estate's configuration.

Imports nothing of ours. Everything that crosses the broker is a frozen Pydantic model from here.
"""
