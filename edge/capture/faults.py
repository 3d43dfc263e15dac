"""What can be wrong with a camera, in words for people. FFmpeg's own texts quote the URL with its password: unused."""

from __future__ import annotations

from enum import StrEnum

import av.error


class Fault(StrEnum):
    """Also the name of a counter, ``fault.<value>``."""

    UNREACHABLE = "unreachable"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - names a fault
    NO_PASSWORD_FILE = "no_password_file"  # noqa: S105 - names a fault
    NO_SUCH_STREAM = "no_such_stream"
    NOT_VIDEO = "not_video"
    UNSUPPORTED_CODEC = "unsupported_codec"
    EMPTY_PICTURE = "empty_picture"
    UNDECODABLE = "undecodable"
    NO_KEYFRAME = "no_keyframe"
    SILENT = "silent"
    ENDED = "ended"
    UNEXPECTED = "unexpected"


DETAILS: dict[Fault, str] = {
    Fault.UNREACHABLE: "no camera answers at this address: check host and port in 'url', cable and power",
    Fault.WRONG_PASSWORD: "the camera refused the login: check 'user' and the password in 'password_file'",
    Fault.NO_PASSWORD_FILE: "'password_file' can't be read: check its path and that this process owns it",
    Fault.NO_SUCH_STREAM: "the camera answers but has no such stream: check the path in 'url'",
    Fault.NOT_VIDEO: "what answers at this address sends no video: check that 'url' is a camera's RTSP address",
    Fault.UNSUPPORTED_CODEC: "the stream is neither H.264 nor H.265: set the camera's encoder to one of them",
    Fault.EMPTY_PICTURE: "the stream's pictures are empty or larger than 8192 pixels: check the camera's resolution",
    Fault.UNDECODABLE: "packets arrive but no picture comes of them: check the network for losses, restart the camera",
    Fault.NO_KEYFRAME: (
        "packets arrive but no keyframe, which every picture is built on: set the camera's encoder to a keyframe "
        "every 2 seconds, and no 'smart' codec"
    ),
    Fault.SILENT: "the camera stopped sending or does not answer in time: check the network and the camera",
    Fault.ENDED: "the camera ended the stream: is it restarting?",
    Fault.UNEXPECTED: "an error nobody foresaw: see the log of this edge",
}


class CameraError(Exception):
    """A stream could not be had or went away. Its text never contains address or password."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(DETAILS[fault])
        self.fault = fault


_FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (av.error.HTTPUnauthorizedError, Fault.WRONG_PASSWORD),
    (av.error.HTTPForbiddenError, Fault.WRONG_PASSWORD),
    (av.error.HTTPNotFoundError, Fault.NO_SUCH_STREAM),
    (av.error.HTTPClientError, Fault.NO_SUCH_STREAM),
    (av.error.HTTPServerError, Fault.UNREACHABLE),
    (av.error.TimeoutError, Fault.SILENT),
    (av.error.ExitError, Fault.SILENT),
    (av.error.EOFError, Fault.ENDED),
    (av.error.DecoderNotFoundError, Fault.UNSUPPORTED_CODEC),
    (av.error.InvalidDataError, Fault.NOT_VIDEO),
    (av.error.ProtocolNotFoundError, Fault.NOT_VIDEO),
    (OSError, Fault.UNREACHABLE),
)


def fault_of(error: Exception, *, took_s: float, timeout_s: float) -> Fault:
    """Which fault FFmpeg's ``error`` is; ``took_s``: how long the call took that had ``timeout_s``.

    An opening that was interrupted for its timeout reports whatever it had got to, so the time is asked first.
    """
    if took_s >= timeout_s:
        return Fault.SILENT
    return next((fault for kind, fault in _FAULTS if isinstance(error, kind)), Fault.UNREACHABLE)
