"""The curves as a picture, PNG or SVG."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from watchlists.thresholds.curves import Curves
from watchlists.thresholds.errors import ThresholdError
from watchlists.thresholds.file import CalibrationV1, Rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
_SIZE_INCHES, _DPI = (9.0, 5.4), 150
_STRANGERS, _OWN, _INK, _QUIET = "#b3261e", "#1f5fa8", "#1d1b20", "#6b6b73"
_LOWEST, _HIGHEST = 1e-4, 1.0


def check_plot_path(path: Path) -> None:
    """Raise ThresholdError where no picture can be written there: before the long work, not after it."""
    if path.suffix not in SUFFIXES:
        raise ThresholdError(f"{path}: a plot is a {' or '.join(SUFFIXES)} file; name it so")
    if find_spec("matplotlib") is None:
        raise ThresholdError(
            "a plot needs matplotlib, which is not installed: pip install matplotlib, or leave --plot out; "
            "--json has the same curves"
        )


def write_plot(path: Path, calibration: CalibrationV1, curves: Curves) -> None:
    """Draw ``curves`` with the thresholds of ``calibration``. Raises ThresholdError where it can't be written."""
    check_plot_path(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - half a second, if wanted
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    _draw(figure, calibration, curves)
    try:
        figure.savefig(path)
    except OSError as error:
        raise ThresholdError(f"{path} can't be written: {error.strerror}; choose another place with --plot") from error


def _draw(figure: Figure, calibration: CalibrationV1, curves: Curves) -> None:
    axes = figure.add_subplot()
    cosines = [point.cosine for point in curves.points]
    measured = [point.fpir for point in curves.points]
    fitted = [point.fitted for point in curves.points]
    strangers = f"strangers accepted (FPIR, N = {curves.gallery:,})"
    if any(measured):
        _curve(axes, cosines, measured, _STRANGERS, strangers)
        _line(axes, cosines, fitted, _STRANGERS, f"{strangers}, fitted tail")
    else:
        _band(axes, cosines, fitted, _STRANGERS)
        _line(axes, cosines, fitted, _STRANGERS, f"{strangers}, fitted tail")
    _curve(axes, cosines, [point.fnir for point in curves.points], _OWN, "people not recognised (FNIR)")
    _marks(axes, calibration)
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST, _HIGHEST)
    axes.set_xlim(cosines[0], cosines[-1])
    ticks = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    axes.set_yticks(ticks, ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    axes.set_xlabel("threshold (cosine)", color=_INK)
    axes.set_ylabel("share of searches", color=_INK)
    axes.grid(visible=True, which="major", color="#e3e2e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c5c4ca")
    axes.tick_params(which="both", color="#c5c4ca", labelcolor=_QUIET)
    counts = calibration.counts
    figure.suptitle(
        f"Face thresholds of {calibration.model} for {calibration.gallery:,} templates",
        x=0.01,
        ha="left",
        fontsize=13,
        fontweight="bold",
        color=_INK,
    )
    people, own = counts.people_searched, counts.people_searched_mated
    axes.set_title(
        f"{people:,} people searched for among others, {own:,} among their own; "
        f"{counts.impostor_comparisons:,} comparisons of different people\n"
        "bands: 95 %; dotted: no error seen, so at most",
        loc="left",
        fontsize=8.5,
        color=_QUIET,
        pad=10,
    )
    axes.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9, labelcolor=_INK)


def _curve(axes: Axes, cosines: Sequence[float], rates: Sequence[Rate | None], colour: str, label: str) -> None:
    """Line and band where errors were seen; where none was, the most there can be, by the rule of three."""
    seen = [(cosine, rate) for cosine, rate in zip(cosines, rates, strict=True) if rate and rate.estimate > 0]
    none = [(cosine, rate.high) for cosine, rate in zip(cosines, rates, strict=True) if rate and rate.estimate == 0]
    if seen:
        known = [cosine for cosine, _ in seen]
        _band(axes, known, [rate for _, rate in seen], colour)
        axes.plot(known, [rate.estimate for _, rate in seen], color=colour, linewidth=2.2, label=label)
    if none:
        axes.plot(*zip(*none, strict=True), color=colour, linewidth=1.2, linestyle=(0, (1, 2)))


def _band(axes: Axes, cosines: Sequence[float], rates: Sequence[Rate | None], colour: str) -> None:
    known = [(cosine, rate) for cosine, rate in zip(cosines, rates, strict=True) if rate]
    low = [max(rate.low, _LOWEST / 10) for _, rate in known]  # nothing below it is drawn, and a log axis has no 0
    high = [max(rate.high, _LOWEST / 10) for _, rate in known]
    axes.fill_between([cosine for cosine, _ in known], low, high, color=colour, alpha=0.15, linewidth=0)


def _line(axes: Axes, cosines: Sequence[float], rates: Sequence[Rate | None], colour: str, label: str) -> None:
    known = [(cosine, rate.estimate) for cosine, rate in zip(cosines, rates, strict=True) if rate and rate.estimate > 0]
    if known:
        axes.plot(*zip(*known, strict=True), color=colour, linewidth=1.5, linestyle=(0, (4, 3)), label=label)


def _marks(axes: Axes, calibration: CalibrationV1) -> None:
    chosen = calibration.chosen
    axes.axhline(calibration.fpir_target, color=_QUIET, linewidth=1.0, linestyle=(0, (1, 2)))
    axes.axvline(chosen.cosine, color=_INK, linewidth=1.3)
    fnir = "" if chosen.fnir is None else f"\nFNIR {_percent(chosen.fnir)}"
    axes.annotate(
        f"threshold {chosen.cosine:.4f} ({chosen.basis})\nFPIR {_percent(chosen.fpir)}{fnir}",
        xy=(chosen.cosine, _HIGHEST),
        xytext=(8, -8),
        textcoords="offset points",
        va="top",
        fontsize=9.5,
        color=_INK,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "#c5c4ca", "alpha": 0.95},
    )


def _percent(rate: Rate) -> str:
    return f"{rate.estimate * 100:.2f} % ({rate.low * 100:.2f} to {rate.high * 100:.2f})"
