"""The reader's network: convolutions, then one question per place: which character stands there?

Every place asks the whole plate (attention), so one row, two rows and loose crops need no separate paths: where place 3
is to be looked for is learned, not computed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.plate_forms import CHARACTERS, COLOURS
from models.plate_reader_own import HEIGHT_PX, PLACES, WIDTH_PX

CLASSES = len(CHARACTERS) + 1
"""One for each character, and class 0: no character at this place."""
_WIDTHS = (16, 48, 64, 96, 128)
_KEY = 48
_LOOKS = 2
"""How often each place looks: a province is told by what stands above or left and what stands below or right."""
_STRIDE = 8
_ONE_ROW = ((0.086, 0.216, 0.395, 0.525, 0.654, 0.784, 0.913, 0.96, 0.96), (0.5,) * 9)
_TWO_ROWS = ((0.34, 0.66, 0.14, 0.32, 0.5, 0.68, 0.86, 0.9, 0.9), (0.21, 0.21, *[0.66] * 7))
"""Middles of the characters on plates of one and of two rows: shares of the width, shares of the height."""
ROWS = 2
_SPREAD, _ROW_SPREAD, _APART, _FAR = 1.4, 2.0, 0.5, -4.0


def _block(inputs: int, outputs: int, stride: int | tuple[int, int] = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            _block(width, width), nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(features + self.inner(features))


class _Surroundings(nn.Module):
    """Adds what is to the left and right, above and below, and what the plate is like as a whole."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(width, width, (5, 9), 1, (2, 4), groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.whole = nn.Linear(width, width)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        near = self.norm(self.near(features))
        whole = self.whole(features.mean(dim=(2, 3)))[:, :, None, None]
        return features + self.mix(torch.relu(near + whole))


class PlateNetwork(nn.Module):
    """Pictures float32 (n, 3, 64, 208), BGR 0..255, to logits of characters (n, 9, 75), colours (n, 7), rows (n, 2)."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth, last = _WIDTHS
        self.trunk = nn.Sequential(
            _block(3, first, 2),
            _block(first, second, 2),
            _Residual(second),
            _block(second, third, 1),
            _block(third, fourth, 2),
            _Residual(fourth),
            _block(fourth, last, 1),
            _Residual(last),
        )
        self.surroundings = _Surroundings(last)
        self.where = nn.Parameter(_first_guess())
        self.rows = nn.Linear(last, ROWS)
        self.question = nn.Parameter(torch.randn(_LOOKS * PLACES, _KEY) * _KEY**-0.5)
        self.key = nn.Conv2d(last, _KEY, 1)
        self.neighbours = nn.Linear(PLACES, PLACES, bias=False)
        nn.init.zeros_(self.neighbours.weight)
        self.hidden = nn.Linear(_LOOKS * last, _LOOKS * last)
        self.of_place = nn.Parameter(torch.zeros(PLACES, _LOOKS * last))
        self.drop = nn.Dropout(0.1)
        self.characters = nn.Linear(_LOOKS * last, CLASSES)
        self.colours = nn.Linear(last, len(COLOURS))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        trunk = self.trunk(_evened(pictures))
        rows = self.rows(trunk.mean(dim=(2, 3)))
        where = (rows.softmax(dim=1) @ self.where.flatten(1)).unflatten(1, self.where.shape[1:])
        features = self.surroundings(trunk)
        flat = features.flatten(2)
        weights = (self.question @ self.key(features).flatten(2) + where).softmax(dim=2)
        looks = (weights @ flat.transpose(1, 2)).unflatten(1, (_LOOKS, PLACES))
        seen = looks.transpose(1, 2).flatten(2)
        context = self.neighbours(seen.transpose(1, 2)).transpose(1, 2)
        answer = seen + self.drop(torch.relu(self.hidden(seen + context + self.of_place)))
        return self.characters(answer), self.colours(flat.mean(dim=2)), rows


def _first_guess() -> Tensor:
    """Where each look of each place goes on plates of one and two rows, as a start: (2, looks x places, cells).

    From knowing nothing, thousands of steps pass before any place is found.
    """
    columns = torch.arange(WIDTH_PX // _STRIDE) + 0.5
    rows = torch.arange(HEIGHT_PX // _STRIDE) + 0.5
    guesses = []
    for across, down in (_ONE_ROW, _TWO_ROWS):
        for off in (-_APART, _APART):
            x = (columns[None] - torch.tensor(across)[:, None] * len(columns) - off) / _SPREAD
            y = (rows[None] - torch.tensor(down)[:, None] * len(rows) - off) / _ROW_SPREAD
            guesses.append((-0.5 * (x[:, None] ** 2 + y[:, :, None] ** 2)).clamp(min=_FAR).flatten(1))
    return torch.cat(guesses).unflatten(0, (ROWS, _LOOKS * PLACES))


def _evened(pictures: Tensor) -> Tensor:
    """Each picture to mean 0 and deviation 1 over all its channels: exposure goes, colour stays."""
    centred = pictures - pictures.mean(dim=(1, 2, 3), keepdim=True)
    return centred / ((centred * centred).mean(dim=(1, 2, 3), keepdim=True).sqrt() + 4.0)
