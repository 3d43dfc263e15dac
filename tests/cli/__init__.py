"""What the `anju` command says, and how it exits."""
