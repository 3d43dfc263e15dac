"""`anju edge picture`: one picture of a camera with everything that is configured for it."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import tell_failure
from core.contract.config import CameraConfig
from core.contract.config_file import LoadedConfig, load_config
from core.contract.ids import CameraId
from edge.settings import own_cameras
from models.errors import ModelError

if TYPE_CHECKING:
    from models.types import Image

_LONGEST_WAIT_S = 20.0
_LAST_PICTURE_S = 1.0
"""How long the last picture of a clip stands for what comes after it."""


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


class NoPictureError(Exception):
    """There is no picture to draw on; the text says why and what to do."""


def picture(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The estate's file.")],
    camera: Annotated[str, typer.Option("--camera", metavar="CAMERA", help="Which of its cameras.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PNG", help="Where to write the picture.")],
    clip: Annotated[
        Path | None,
        typer.Option("--clip", metavar="FILE", help="Draw on a clip of the camera, not on the live picture."),
    ] = None,
    at_s: Annotated[float, typer.Option("--at", metavar="SECONDS", min=0, help="Which moment of the clip.")] = 0.0,
    language: Annotated[Language, typer.Option("--language", help="Of the words on it.")] = Language.ZH,
) -> None:
    """Draw zones, lines with their directions, and the smallest sizes that count, on one picture of a camera.

    Faces are blurred. Look at it before the edge runs: what is drawn is what is watched.
    """
    loaded = load_config(config)
    chosen = _camera(loaded, camera)
    from edge.scenes.setup_picture import setup_picture  # noqa: PLC0415 - OpenCV takes a second, help must not

    try:
        image = _of_clip(clip, at_s) if clip is not None else _live(chosen)
        drawn = setup_picture(_without_faces(loaded, chosen, image), loaded.config, chosen.id, language.value)
        _write(out, drawn)
    except (NoPictureError, ModelError, OSError) as error:
        tell_failure(error, as_json=False)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: {chosen.id}, {image.shape[1]} x {image.shape[0]} pixels")


def _camera(loaded: LoadedConfig, camera: str) -> CameraConfig:
    """The camera, its password file found. Raises typer.BadParameter."""
    known = [one.id for one in loaded.config.cameras]
    if camera not in known:
        raise typer.BadParameter(f"no camera {camera!r} (known: {', '.join(known) or 'none'})", param_hint="--camera")
    edge = loaded.config.camera(CameraId(camera)).edge
    return next(one for one in own_cameras(loaded, edge) if one.id == camera)


def _of_clip(clip: Path, at_s: float) -> Image:
    """The picture at ``at_s`` of a file. Raises NoPictureError, where it is over before that as well."""
    import av  # noqa: PLC0415 - see above
    import av.error  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    found: av.VideoFrame | None = None
    try:
        with av.open(str(clip)) as container:
            for found in container.decode(video=0):
                if found.time is not None and found.time >= at_s:
                    break
    except (av.error.FFmpegError, OSError, IndexError) as error:
        why = getattr(error, "strerror", None) or "it has no video"
        raise NoPictureError(f"{clip}: no picture can be read from it: {why}") from None
    if found is None:
        raise NoPictureError(f"{clip}: has no pictures")
    if found.time is not None and found.time + _LAST_PICTURE_S < at_s:
        raise NoPictureError(f"{clip}: is over after {found.time:.1f} s: choose an earlier moment with --at")
    return np.asarray(found.to_ndarray(format="bgr24"), np.uint8)


def _live(camera: CameraConfig) -> Image:
    """The next picture the camera gives. Raises NoPictureError."""
    import numpy as np  # noqa: PLC0415 - see above

    from edge.capture.faults import DETAILS, CameraError, Fault  # noqa: PLC0415
    from edge.capture.source import Timeouts, decode, open_camera, usable  # noqa: PLC0415

    try:
        source = open_camera(camera, camera.url, Timeouts())
        deadline_s = time.monotonic() + _LONGEST_WAIT_S
        try:
            while time.monotonic() < deadline_s:
                for frame in decode(source.read()) or ():
                    if usable(frame):
                        return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
        finally:
            source.close()
    except CameraError as error:
        why = DETAILS[error.fault]
        if error.fault is Fault.NO_PASSWORD_FILE:
            why = f"{why} ({camera.password_file})"
    else:
        why = f"gives no usable picture within {_LONGEST_WAIT_S:.0f} s"
    raise NoPictureError(f"camera {camera.id}: {why}; or draw on a recording with --clip FILE")


def _without_faces(loaded: LoadedConfig, camera: CameraConfig, image: Image) -> Image:
    """Every face blurred: the picture is going to be kept. Raises ModelError where faces can't be looked for."""
    from edge.vision.blur import blur_faces  # noqa: PLC0415 - see above
    from models.store import open_face_detector  # noqa: PLC0415

    return blur_faces(image, open_face_detector(loaded.config.edge(camera.edge).models.face_detector)).image


def _write(out: Path, drawn: Image) -> None:
    import cv2  # noqa: PLC0415 - see above

    done, encoded = cv2.imencode(".png", drawn)
    if not done:
        raise NoPictureError("the picture can't be packed as PNG")
    try:
        out.write_bytes(encoded.tobytes())
    except OSError as error:
        raise NoPictureError(f"{out}: can't be written: {error.strerror}; choose another place with --out") from None
