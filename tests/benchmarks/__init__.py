"""Published figures are written down as measured."""
