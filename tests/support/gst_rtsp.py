"""GStreamer's RTSP server with credentials, one stream at /stream. Runs on Debian's own Python (python3-gi).

Imports nothing of ours: the system's interpreter knows neither Anju nor its environment.
"""

from __future__ import annotations

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

_ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} ! h264parse",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} log-level=none ! h265parse",
}
_ROLE = "viewer"


def pipeline(codec: str, clip: str | None, fps: int) -> str:
    """What the server plays: a clip's packets as they are, or a moving ball, encoded here."""
    pay = f"rtp{codec}pay name=pay0 pt=96 config-interval=1"
    if clip is not None:
        return f'( filesrc location="{clip}" ! qtdemux ! {codec}parse ! {pay} )'
    ball = f"videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate={fps}/1"
    return f"( {ball} ! {_ENCODERS[codec].format(fps=fps)} ! {pay} )"


def authentication(user: str, password: str, method: str) -> GstRtspServer.RTSPAuth:
    """Only ``user`` with ``password`` gets in, by that method alone."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", _ROLE)
    if method == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return auth


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", required=True)
    parser.add_argument("--codec", choices=sorted(_ENCODERS), default="h264")
    parser.add_argument("--clip")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--user")
    parser.add_argument("--password-file")
    parser.add_argument("--auth", choices=("basic", "digest"), default="digest")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline(options.codec, options.clip, options.fps))
    factory.set_shared(options.clip is None)
    factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP)
    if options.user:
        with open(options.password_file) as file:  # noqa: PTH123
            server.set_auth(authentication(options.user, file.read(), options.auth))
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role(_ROLE, "media.factory.access", True)
        permissions.add_permission_for_role(_ROLE, "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/stream", factory)
    if not server.attach(None):
        raise SystemExit(f"port {options.port} is taken")
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
