#!/usr/bin/python3
"""A real RTSP server for tests: gst-rtsp-server with one mount per codec.

Every client gets a media pipeline of its own: shared media wedge in GStreamer 1.22 when
many clients connect at once. Everything is on loopback. When ready, one JSON line is
printed: {"port": 40001, "mounts": ["/aac", ...]}.

The server ends with the process that started it (see --stay), so that a killed test run
leaves nothing behind.
"""

import argparse
import json
import math
import os
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

AAC = "avenc_aac bitrate=96000 ! aacparse ! rtpmp4gpay name=pay{n} pt=96"
H264 = (
    "videotestsrc is-live=true pattern=black ! video/x-raw,width=160,height=120,framerate=5/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=64 key-int-max=10"
    " ! rtph264pay name=pay0 pt=97 config-interval=1"
)


def tone(rate, channels, sample_format="S16LE", wave="{wave}"):
    """The head of an audio pipeline; tone level and frequency are filled in later."""
    return (
        f"audiotestsrc is-live=true samplesperbuffer={rate // 50} wave={wave}"
        " freq={freq} volume={volume}"
        f" ! audioconvert ! audio/x-raw,format={sample_format},rate={rate},channels={channels}"
        ",layout=interleaved ! "
    )


# avenc_aac takes planar float only, so it gets a converter of its own.
def aac(rate, channels, n=0):
    return tone(rate, channels) + "audioconvert ! " + AAC.replace("{n}", str(n))


# Without force-aal2=false the bits come in AAL2's order under the name of the other one.
# GStreamer 1.22 garbles G726-24 and G726-40, so there are none.
def g726(kbit):
    return (
        tone(8000, 1)
        + f"avenc_g726 bitrate={kbit}000 ! rtpg726pay name=pay0 pt=96 force-aal2=false"
    )


MOUNTS = {
    "/aac": aac(48000, 1),
    "/aac16": aac(16000, 1),
    "/aacs": aac(48000, 2),
    "/pcmu": tone(8000, 1) + "mulawenc ! rtppcmupay name=pay0 pt=0",
    "/pcma": tone(8000, 1) + "alawenc ! rtppcmapay name=pay0 pt=8",
    "/l16": tone(48000, 1, "S16BE") + "rtpL16pay name=pay0 pt=98",
    "/l16s": tone(48000, 2, "S16BE") + "rtpL16pay name=pay0 pt=98",
    "/l24": tone(48000, 2, "S24BE") + "rtpL24pay name=pay0 pt=98",
    "/g722": tone(16000, 1) + "avenc_g722 ! rtpg722pay name=pay0 pt=9",
    "/latm": tone(48000, 1) + "audioconvert ! avenc_aac bitrate=96000 ! aacparse"
    " ! rtpmp4apay name=pay0 pt=96",
    "/mp3": tone(48000, 2) + "lamemp3enc target=bitrate bitrate=128 cbr=true ! mpegaudioparse"
    " ! rtpmpapay name=pay0 pt=14",
    "/mp2": tone(48000, 1) + "twolamemp2enc bitrate=96 mode=mono ! mpegaudioparse"
    " ! rtpmpapay name=pay0 pt=14",
    "/g726-16": g726(16),
    "/g726-32": g726(32),
    "/speex": tone(16000, 1) + "speexenc ! rtpspeexpay name=pay0 pt=99",
    "/av": H264 + " " + aac(48000, 1, n=1),
    "/video": H264,
    "/opus": tone(48000, 1) + "opusenc ! rtpopuspay name=pay0 pt=99",
    "/opuss": tone(48000, 2) + "opusenc ! rtpopuspay name=pay0 pt=99",
    "/silence": tone(8000, 1, wave="silence") + "mulawenc ! rtppcmupay name=pay0 pt=0",
}

# What --file names, a WAV file, in real time.
FILE = "filesrc location={file} ! wavparse ! audioconvert ! "
FILE_MOUNTS = {
    "/file-l16": FILE + "audio/x-raw,format=S16BE ! rtpL16pay name=pay0 pt=98",
    "/file-pcmu": FILE + "mulawenc ! rtppcmupay name=pay0 pt=0",
    "/file-pcma": FILE + "alawenc ! rtppcmapay name=pay0 pt=8",
    "/file-aac": FILE + AAC.replace("{n}", "0"),
}

ROLE = "listener"


def authentication(kind, user, password):
    """What asks every client for credentials, of the given kind only."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    if kind == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    return auth


def factory(pipeline, with_auth):
    """Makes the media of one mount, anew for each client."""
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(f"( {pipeline} )")
    made.set_shared(False)
    if with_auth:
        permissions = GstRtspServer.RTSPPermissions()
        for right in ("access", "construct"):
            permissions.add_permission_for_role(ROLE, f"media.factory.{right}", True)
        made.set_permissions(permissions)
    return made


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    parser.add_argument("--auth", choices=["none", "basic", "digest"], default="none")
    parser.add_argument("--user", default="user")
    parser.add_argument("--password", default="password")
    parser.add_argument("--mounts", default=",".join(MOUNTS), help="such as /aac,/pcmu")
    # A tone whose period fits into a block or half a second reads as audio that is stuck.
    parser.add_argument("--freq", type=float, default=1003.7, help="of the tone, in Hz")
    parser.add_argument("--level", type=float, default=-15, help="of the tone: its RMS in dBFS")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--alias", metavar="/NAME=/MOUNT", help="this mount alone, by that name")
    parser.add_argument("--file", help="a WAV file; then there are only " + ", ".join(FILE_MOUNTS))
    parser.add_argument("--stay", action="store_true", help="outlive the starting process")
    options = parser.parse_args()
    options.known = FILE_MOUNTS if options.file else MOUNTS
    if options.file and parser.get_default("mounts") == options.mounts:
        options.mounts = ",".join(FILE_MOUNTS)
    options.mounts = [
        mount if mount.startswith("/") else "/" + mount for mount in options.mounts.split(",")
    ]
    if options.alias:
        name, _, mount = options.alias.partition("=")
        options.known = {name: options.known[mount]}
        options.mounts = [name]
    unknown = [mount for mount in options.mounts if mount not in options.known]
    if unknown:
        parser.error(f"no such mount: {', '.join(unknown)}; there are {', '.join(options.known)}")
    # A full-scale sine has an RMS of 1/sqrt(2).
    options.volume = 10 ** (options.level / 20) * math.sqrt(2)
    if options.volume > 1:
        parser.error("a sine of that level would clip; -3 dBFS is the loudest")
    return options


def main():
    options = arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.host)
    server.set_service(str(options.port))
    with_auth = options.auth != "none"
    if with_auth:
        server.set_auth(authentication(options.auth, options.user, options.password))
    mount_points = server.get_mount_points()
    for mount in options.mounts:
        pipeline = options.known[mount].format(
            wave="sine", freq=options.freq, volume=options.volume, file=options.file
        )
        mount_points.add_factory(mount, factory(pipeline, with_auth))
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on {options.host}:{options.port}")

    loop = GLib.MainLoop()
    parent = os.getppid()

    def every_second():
        # Frees the sessions of clients that left without a TEARDOWN.
        server.get_session_pool().cleanup()
        if not options.stay and os.getppid() != parent:
            loop.quit()
        return True

    GLib.timeout_add_seconds(1, every_second)
    for wish in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, wish, loop.quit)
    print(json.dumps({"port": server.get_bound_port(), "mounts": options.mounts}), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
