"""Every kind of source with the server or writer that it needs, all of the same recording."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from .groups import free_port

_HERE = Path(__file__).resolve().parent
_TESTS = _HERE.parent.parent / "tests" / "support"
_OGG = ["-content_type", "application/ogg", "-f", "ogg"]
_MOUNTS = {
    "MP3": ["libmp3lame", "-b:a", "64k", "-content_type", "audio/mpeg", "-f", "mp3"],
    "AAC": ["aac", "-b:a", "64k", "-content_type", "audio/aac", "-f", "adts"],
    "Vorbis": ["libvorbis", "-b:a", "64k", *_OGG],
    "Ogg FLAC": ["flac", *_OGG],
}


@dataclass
class Kind:
    """Sources of one kind."""

    title: str
    url: str
    """With `{n}` for the number of the source, where they differ."""
    settings: str = ""
    """Further keys of the source, as YAML flow."""

    def urls(self, sources):
        return [self.url.format(n=n) for n in range(sources)]


def start(group, folder, rtsp, recording, most):
    """Starts what feeds up to `most` sources of each kind; returns the kinds."""
    wav, flac = folder / "recording.wav", folder / "recording.flac"
    for path in (wav, flac):
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", recording, path]
        subprocess.run(command, check=True)
    return [
        Kind("RTSP, AAC", f"rtsp://{rtsp}/aac"),
        _rtsps(group, folder, rtsp),
        _udp(group),
        *_http(group, folder, wav),
        Kind("WAV file", str(wav), "loop: true"),
        Kind("FLAC file", str(flac), "loop: true"),
        _fifo(group, folder, wav, most),
    ]


def _rtsps(group, folder, rtsp):
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    making = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    making = making.split() + ["-subj", "/CN=localhost", "-keyout", key, "-out", certificate]
    subprocess.run(making, check=True, stderr=subprocess.DEVNULL)
    shown = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
        check=True,
        capture_output=True,
        text=True,
    )
    pin = shown.stdout.strip().partition("=")[2]
    command = [sys.executable, _HERE / "tls_front.py", certificate, key, rtsp]
    port = _first_line(group, command)
    return Kind(
        "RTSP in TLS, AAC", f"rtsps://127.0.0.1:{port}/aac", f'tls: {{ pin_sha256: "{pin}" }}'
    )


def _udp(group):
    server = ["/usr/bin/python3", _TESTS / "rtsp_server.py", "--mounts", "/aac"]
    port = json.loads(_first_line(group, server))["port"]
    return Kind("RTSP by UDP, AAC (a tone)", f"rtsp://127.0.0.1:{port}/aac", "transport: udp")


def _http(group, folder, wav):
    port = free_port()
    config = folder / "icecast.xml"
    config.write_text(_ICECAST.format(port=port, folder=folder), encoding="utf-8")
    # As root Icecast changes its user, which must be able to log here.
    folder.chmod(0o777)
    group.start(["icecast2", "-c", config])
    _until(lambda: _mounts(port) is not None, "icecast2 does not answer")
    kinds = []
    for codec, encoder in _MOUNTS.items():
        mount = codec.lower().replace(" ", "-")
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1"]
        target = f"icecast://source:hackme@127.0.0.1:{port}/{mount}"
        group.start([*command, "-i", wav, "-c:a", *encoder, target])
        kinds.append(Kind(f"HTTP, {codec}", f"http://127.0.0.1:{port}/{mount}"))
    _until(lambda: len(_mounts(port) or []) == len(kinds), "not all mounts came up")
    return kinds


def _fifo(group, folder, wav, most):
    for n in range(most):
        os.mkfifo(folder / f"{n}.pcm")
    group.start([sys.executable, _HERE / "pour.py", wav, *(folder / f"{n}.pcm" for n in range(most))])
    pcm = "pcm: { format: s16le, sample_rate: 48000, channels: 1 }"
    return Kind("FIFO, PCM", f"fifo://{folder}/{{n}}.pcm", pcm)


def _first_line(group, command):
    line = group.start(command, stdout=subprocess.PIPE).stdout.readline().decode().strip()
    if not line:
        sys.exit(f"{Path(command[1]).name} did not start: {group.complaint()}")
    return line


def _mounts(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status-json.xsl", timeout=5) as answer:
            mounts = json.load(answer)["icestats"].get("source", [])
    except (OSError, ValueError):
        return None
    return mounts if isinstance(mounts, list) else [mounts]


def _until(condition, complaint):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(complaint)
        time.sleep(0.1)


_ICECAST = """<icecast>
  <limits><clients>1000</clients><sources>10</sources><burst-size>8192</burst-size></limits>
  <authentication><source-password>hackme</source-password>
    <admin-user>admin</admin-user><admin-password>hackme</admin-password></authentication>
  <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <fileserve>0</fileserve>
  <paths><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot></paths>
  <security><chroot>0</chroot>
    <changeowner><user>nobody</user><group>nogroup</group></changeowner></security>
</icecast>
"""
