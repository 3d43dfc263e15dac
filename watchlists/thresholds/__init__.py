"""From which cosine on a face counts, for the gallery that is loaded, and what that rests on.

What an edge needs is here. Making a calibration (`calibrate`, `scores`, `rates`, `tail`, `plot`) needs SciPy and is
imported by whoever makes one.
"""

from watchlists.thresholds.builtin import SFACE, calibration_of
from watchlists.thresholds.file import load_calibration
from watchlists.thresholds.table import Basis, Calibration, Standing, Threshold

__all__ = ["SFACE", "Basis", "Calibration", "Standing", "Threshold", "calibration_of", "load_calibration"]
