"""The demo: its people, its play, its pictures and what it says was served."""
