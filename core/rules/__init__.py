"""When a passage becomes an alert."""

from __future__ import annotations

from core.rules.evaluate import Firing, Place, evaluate, places_of

__all__ = ["Firing", "Place", "evaluate", "places_of"]
