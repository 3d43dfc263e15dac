"""QR codes held up to a camera."""

from __future__ import annotations

import cv2
import zxingcpp

from models.types import Image

MAX_CODES = 4
MAX_TEXT = 512
"""A pass has 172 characters; a longer code is none of ours and is left unread."""
_FORMATS = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])


def read_codes(image: Image) -> tuple[str, ...]:
    """Texts of the QR codes in ``image``: at most ``MAX_CODES``, each at most ``MAX_TEXT`` characters."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    found = zxingcpp.read_barcodes(grey, formats=_FORMATS, try_invert=False, text_mode=zxingcpp.TextMode.Plain)
    texts = (code.text for code in found if code.text and len(code.text) <= MAX_TEXT)
    return tuple(dict.fromkeys(texts))[:MAX_CODES]
