"""Tests of what happens to whatever arrives over MQTT."""
