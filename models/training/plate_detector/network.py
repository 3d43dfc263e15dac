"""The network: a plate's middle and its four corners in every cell of 8 x 8 pixels, over three scales of context."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8
TYPICAL_HALF_PX = 60.0
"""Half a plate's width, of which the last layer tells the logarithm: plates of 40 and of 400 pixels are as easy."""
_SHAPE = (-1.0, -0.32, 1.0, -0.32, 1.0, 0.32, -1.0, 0.32)
"""A one-row plate seen from the front, in half its width; the last layer tells what differs."""
_FIRST, _FINE, _MIDDLE, _COARSE, _HEAD = 32, 48, 96, 128, 64


def _full(channels: int, out: int, kernel: int, stride: int) -> nn.Sequential:
    """A dense convolution that makes the picture smaller."""
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


def _mixed(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution per channel, then one across channels."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, out, 1, bias=False),
        nn.BatchNorm2d(out),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.inner = _mixed(channels, channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.inner(x), inplace=True)


class PlateNet(nn.Module):
    """float32 (n, 3, h, w), BGR 0..255, h and w multiples of 32, to middles and corners per cell.

    Middles: (n, 1, h / 8, w / 8), a score's logit; corners: (n, 8, h / 8, w / 8), x and y of top left, top right,
    bottom right and bottom left, pixels from the cell's middle.
    """

    shape: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.start = _full(3, _FIRST, 7, 4)
        self.fine = nn.Sequential(_full(_FIRST, _FINE, 3, 2), _Residual(_FINE, 3), _Residual(_FINE, 3))
        # Wide kernels where they are cheap: a plate of 400 pixels is 25 cells wide here, and 12 in the next.
        self.middle = nn.Sequential(_mixed(_FINE, _MIDDLE, 5, 2), *(_Residual(_MIDDLE, 5) for _ in range(3)))
        self.coarse = nn.Sequential(_mixed(_MIDDLE, _COARSE, 5, 2), *(_Residual(_COARSE, 5) for _ in range(4)))
        self.down = nn.Conv2d(_COARSE, _MIDDLE, 1)
        self.joined = _Residual(_MIDDLE, 5)
        self.across = nn.Conv2d(_MIDDLE, _HEAD, 1)
        self.fine_across = nn.Conv2d(_FINE, _HEAD, 1)
        self.head = nn.Sequential(_Residual(_HEAD, 3), _Residual(_HEAD, 3))
        self.score = nn.Conv2d(_HEAD, 1, 1)
        self.corners = nn.Conv2d(_HEAD, 9, 1)
        self.register_buffer("shape", torch.tensor(_SHAPE).reshape(1, 8, 1, 1))
        nn.init.constant_(self.score.bias, -4.0)
        nn.init.normal_(self.corners.weight, std=0.01)
        nn.init.zeros_(self.corners.bias)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.start(pictures / 255.0 - 0.5))
        middle = self.middle(fine)
        coarse = functional.interpolate(self.down(self.coarse(middle)), scale_factor=2.0, mode="nearest")
        joined = self.joined(functional.relu(middle + coarse))
        wide = functional.interpolate(self.across(joined), scale_factor=2.0, mode="nearest")
        seen = self.head(functional.relu(self.fine_across(fine) + wide))
        told = self.corners(seen)
        half_px = TYPICAL_HALF_PX * torch.exp(told[:, :1].clamp(-3.0, 2.0))
        return self.score(seen), half_px * (self.shape + told[:, 1:])
