"""A contact sheet per camera, for people who want to see what a seed looks like.

python -m demo.preview --seed 7 --out DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from demo.cast import make_cast
from demo.draw.canvas import Picture
from demo.film import Film, make_film
from demo.portraits import portrait
from demo.script import CAMERAS, CameraScript, make_script

_THUMB = (480, 270)
_COLUMNS = 4
_SAMPLE_PASS = "AJ1:" + "ANJUDEMO23456777" * 10 + "ANJUDEMO"


def contact_sheet(film: Film, part: CameraScript) -> Picture:
    """Three moments of every act, or twelve spread over a clip without acts."""
    moments = [
        frame
        for act in part.acts
        for frame in ((act.first_frame + act.decisive_frame) // 2, act.decisive_frame + 15, act.last_frame - 20)
    ] or [film.frames * number // 12 for number in range(12)]
    thumbs = [cv2.resize(film.frame(moment), _THUMB, interpolation=cv2.INTER_AREA) for moment in moments]
    return _grid([np.asarray(thumb, np.uint8) for thumb in thumbs])


def _grid(thumbs: list[Picture]) -> Picture:
    blank = np.zeros_like(thumbs[0])
    thumbs = thumbs + [blank] * (-len(thumbs) % _COLUMNS)
    return np.vstack([np.hstack(thumbs[i : i + _COLUMNS]) for i in range(0, len(thumbs), _COLUMNS)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.preview", description="contact sheets of the demo's clips")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="folder for the PNG files")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cast = make_cast(options.seed)
    script = make_script(cast, options.seed)
    passes = {resident.subject: _SAMPLE_PASS for resident in cast.residents}
    for camera in CAMERAS:
        sheet = contact_sheet(make_film(camera, cast, script, passes), script.camera(camera))
        cv2.imwrite(str(options.out / f"{camera}.png"), sheet)
    cv2.imwrite(str(options.out / "portraits.png"), _grid([portrait(resident) for resident in cast.residents]))


if __name__ == "__main__":
    main()
