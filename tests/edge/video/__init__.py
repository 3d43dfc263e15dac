"""Packets become MP4 that browsers play; clips are kept, found, and gone when their time is over."""
