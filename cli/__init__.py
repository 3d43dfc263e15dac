"""The `anju` command: thin, may import everything, imported by nothing."""
