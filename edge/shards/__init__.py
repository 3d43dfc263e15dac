"""Cameras in processes of their own, which hold no template, no key and no list."""
