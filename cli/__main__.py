"""``python -m cli`` is ``anju``."""

from cli.main import main

main()
