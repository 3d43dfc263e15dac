#!/usr/bin/env bash
# System packages that the tests use and the demo does not. Says what is missing and why before it installs it.
# Without root or a sudo that asks nothing it installs nothing: the tests that need the parts are then skipped.
set -euo pipefail

packages=()
reasons=""
need() { # what for, packages...
  reasons+="  $1: ${*:2}"$'\n'
  packages+=("${@:2}")
}

has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null; }
has_postgres() { has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
has_gstreamer() {
  /usr/bin/python3 -I - >/dev/null 2>&1 <<'PYTHON'
import sys
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
wanted = ("x264enc", "x265enc", "h264parse", "h265parse", "rtph264pay", "rtph265pay", "qtdemux", "videotestsrc")
sys.exit(any(Gst.ElementFactory.find(name) is None for name in wanted))
PYTHON
}
has_chinese_font() { compgen -G '/usr/share/fonts/*/*/*CJK*' >/dev/null || compgen -G '/usr/share/fonts/*/*CJK*' >/dev/null; }

look() {
  has mosquitto && has mosquitto_passwd || need "a broker with passwords, access rules and TLS" mosquitto
  has_postgres || need "the second database the storage tests run on" postgresql
  has chromium || need "the browser that looks at the pages" chromium
  has_gstreamer || need "an RTSP server with credentials, H.264 and H.265" gir1.2-gst-rtsp-server-1.0 python3-gi \
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  has_chinese_font || need "Chinese characters in screenshots" fonts-noto-cjk
  has setpriv || need "ends test servers together with the tests" util-linux
}

say_and_install() {
  look
  if [ ${#packages[@]} -eq 0 ]; then return; fi
  printf 'The tests use Debian packages that are not here:\n%s' "$reasons" >&2
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
  if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "Not installed: that takes Debian and root. Tests that need them are left out. To have them:" >&2
    echo "  sudo apt-get install ${packages[*]}" >&2
    return
  fi
  echo "Installing them (mosquitto and postgresql bring a service each; the tests use neither)." >&2
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
}

say_and_install
