"""Tests of what happens at one gate, door or lane."""
