"""Plate reader `anju-plates` on ONNX Runtime: trained by us on drawn plates of every type."""

from __future__ import annotations

CHARACTERS = (
    "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新使领警学挂港澳应急"
)
"""Every character of GA 36-2018, no I, no O. Class 0 of the network is "no character here"."""
COLOURS = ("blue", "yellow", "green", "yellow_green", "white", "black", "unknown")
WIDTH_PX, HEIGHT_PX = 144, 64
PLACES = 9
"""The longest plate, emergency services' with seven characters before 应急."""
