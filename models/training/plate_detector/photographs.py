"""Photographs that stand behind composed scenes: free ones that packages carry, made into a folder of pictures.

    python -m models.training.plate_detector.photographs FOLDER PACKAGE...

PACKAGE: files as `npm pack @pmndrs/assets@1.7.0`, `pip download scikit-image==0.25.2 scikit-learn==1.9.1` and
`apt-get download lomiri-wallpapers-16.04` fetch them (a .deb unpacked with `dpkg -x` into a folder). Needs `OpenEXR`
for the first. Only what is listed here is taken:

| from | what | licence |
|---|---|---|
| @pmndrs/assets | 18 panoramas, of Poly Haven | CC0-1.0 |
| scikit-image | photographs in `skimage/data` listed below | CC0-1.0 or public domain (NASA) |
| scikit-learn | china.jpg (Alexandre Chauvin), flower.jpg (Tiziano) | CC-BY-2.0 |
| lomiri-wallpapers-16.04 | A. Berasategi, "freespace", A. Mudgal, J. Mede; C. Engelhardt | CC-BY-4.0; CC0-1.0 |
"""

from __future__ import annotations

import argparse
import base64
import importlib
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np

from models.types import Image

SCIKIT_IMAGE = ("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png", "rocket.jpg")
SCIKIT_LEARN = ("china.jpg", "flower.jpg")
WALLPAPERS = (
    "Picture_0B_by_freespace.jpg", "Picture_1A_by_freespace.jpg", "Wine_by_Jakkub_Mede.jpg",
    "aitzgorri_by_Aitzol_Berasategi.jpg", "friends_by_Aitzol_Berasategi.jpg", "life_by_Aitzol_Berasategi.jpg",
    "picosdeeuropa_by_Aitzol_Berasategi.jpg", "seeding_by_Clements_Engelhardt.jpg",
    "sunset_by_Aitzol_Berasategi.jpg", "umang_by_Abhishek_Mudgal.jpg",
)  # fmt: skip
HELD_OUT = frozenset(
    {"bridge", "city", "lobby", "sunrise", "warehouse", "gravel", "coffee", "flower", "Picture_1A_by_freespace"}
)
"""Stems of photographs that no training scene stands before."""
LONGEST_PX = 1280
_BASE64 = re.compile(rb"base64,([A-Za-z0-9+/=]+)")


class PhotographsError(RuntimeError):
    """Photographs can't be had. The text says which package and why."""


def load_photographs(
    folder: Path, *, without: Collection[str] = (), only: Collection[str] | None = None
) -> tuple[Image, ...]:
    """Pictures of ``folder``, BGR, told by their stems. Raises PhotographsError when there is none."""
    chosen = [path for path in sorted(folder.glob("*.png")) if path.stem not in without]
    pictures = [cv2.imread(str(path)) for path in chosen if only is None or path.stem in only]
    kept = tuple(np.asarray(picture, np.uint8) for picture in pictures if picture is not None)
    if not kept:
        raise PhotographsError(f"{folder}: no pictures; make them with models.training.plate_detector.photographs")
    return kept


def _from_wheel(wheel: Path) -> dict[str, Image]:
    wanted = {f"skimage/data/{name}" for name in SCIKIT_IMAGE} | {f"sklearn/datasets/images/{n}" for n in SCIKIT_LEARN}
    with zipfile.ZipFile(wheel) as packed:
        found = wanted & set(packed.namelist())
        raw = {name: np.frombuffer(packed.read(name), np.uint8) for name in sorted(found)}
    decoded = {name.rsplit("/", 1)[1]: cv2.imdecode(data, cv2.IMREAD_COLOR) for name, data in raw.items()}
    return {name: np.asarray(picture, np.uint8) for name, picture in decoded.items() if picture is not None}


def _from_npm(package: Path) -> dict[str, Image]:
    pictures = {}
    with tarfile.open(package) as packed:
        for member in packed.getmembers():
            stream = packed.extractfile(member) if re.fullmatch(r"package/hdri/\w+\.exr\.js", member.name) else None
            encoded = _BASE64.search(stream.read()) if stream is not None else None
            if encoded is not None:
                pictures[f"{Path(member.name).name.split('.')[0]}.exr"] = _panorama(base64.b64decode(encoded[1]))
    return pictures


def _panorama(exr: bytes) -> Image:
    """An open panorama as a photograph: exposed for its middle tones, twice as large, uint8 BGR."""
    openexr = importlib.import_module("OpenEXR")  # only here, only for these: nothing else needs the package
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(exr)
        file.flush()
        with openexr.File(file.name) as opened:
            light = next(iter(opened.channels().values())).pixels.astype(np.float32)[..., :3]
    exposed = np.clip(light, 0, None) / (np.percentile(light, 70) + 1e-6) * 0.6
    tones = np.clip(exposed / (1 + exposed) * 1.35, 0, 1) ** (1 / 2.2) * 255
    large = cv2.resize(tones[..., ::-1].astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.uint8)


def _from_folder(folder: Path) -> dict[str, Image]:
    found = {path.name: cv2.imread(str(path)) for name in WALLPAPERS for path in folder.rglob(name)}
    return {name: np.asarray(picture, np.uint8) for name, picture in found.items() if picture is not None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", type=Path, nargs="+")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for package in chosen.packages:
        read = _from_folder if package.is_dir() else _from_wheel if package.suffix == ".whl" else _from_npm
        pictures = read(package)
        if not pictures:
            raise PhotographsError(f"{package}: none of the listed photographs is in it")
        for name, picture in pictures.items():
            scale = min(1.0, LONGEST_PX / max(picture.shape[:2]))
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(chosen.folder / f"{Path(name).stem}.png"), small)


if __name__ == "__main__":
    main()
