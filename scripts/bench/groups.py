"""The contestants: each starts its processes and can tell whether they really work."""

import re
import socket
import tempfile
import time
import urllib.request
from pathlib import Path

RATE = 48_000
# What every peer must write a second and source: signed 16 bit, mono.
PCM_BYTES_PER_SECOND = RATE * 2
READY_WITHIN = 90.0
# Seconds of audio received per second that still count as real time.
REAL_TIME = (0.95, 1.10)
# What one ffmpeg for all writes at once: 32 KiB to a pipe that it need not flush (to a
# file it would be 256 KiB, too coarse to tell that it streams). A window can begin and
# end anywhere within such a block.
BLOCK_SECONDS = 32_768 / PCM_BYTES_PER_SECOND


class Void(Exception):
    """The row proves nothing, and why."""


class Peer:
    """A program that decodes to /dev/null; what it writes shows that it streams."""

    def __init__(self, title, commands):
        self.title = title
        self._commands = commands

    def start(self, group, urls):
        for command in self._commands(urls):
            group.start(command)

    def wait_until_ready(self, group, sources):
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            begin, at = self.delivered(group, sources), time.monotonic()
            time.sleep(2.0)
            check_alive(group)
            # A start-up that still works off its backlog writes faster than real time.
            if not out_of_pace(begin, self.delivered(group, sources), time.monotonic() - at):
                return
        raise Void(f"not all of {sources} streamed within {READY_WITHIN:.0f} s: {group.complaint()}")

    def delivered(self, group, sources):
        """Seconds of audio so far: of each process, a mean of the sources it serves."""
        written = group.written_bytes()
        rate = PCM_BYTES_PER_SECOND * sources / len(written)
        return [bytes_ / rate for bytes_ in written]

    def buffers(self):
        return None


class Exporter:
    """The exporter: one process with a generated configuration."""

    def __init__(self, binary, capture, title="ours", settings=""):
        self.title = title
        self._binary = binary
        self._capture = capture
        self._settings = f", {settings}" if settings else ""
        self._url = None
        self._folder = None

    def start(self, group, urls):
        self._folder = tempfile.TemporaryDirectory(prefix="bench-sources-")
        config = Path(self._folder.name, "config.yaml")
        # Without `expect`, the budget counts 48 kHz stereo: 11.52 MB a minute.
        minutes = float(self._capture.removesuffix("s")) / 60
        budget = int(len(urls) * (2 + 12 * minutes)) + 64
        lines = [
            "buffers:",
            f"  capture: {{ duration: {self._capture} }}",
            f"  memory_budget: {budget}MiB",
            "sources:",
        ]
        lines += [
            f"  - {{ name: s{n:03}, url: \"{url}\"{self._settings} }}" for n, url in enumerate(urls)
        ]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        self._url = f"http://{address}/metrics"
        group.start([self._binary, f"--config.file={config}", f"--web.listen-address={address}"])

    def wait_until_ready(self, group, sources):
        deadline = time.monotonic() + READY_WITHIN
        up = 0.0
        while time.monotonic() < deadline:
            check_alive(group)
            try:
                up = total(self._scrape(), "myaudio_source_up")
            except OSError:
                up = 0.0
            if up == sources:
                return
            time.sleep(0.25)
        raise Void(f"{up:.0f} of {sources} sources were up after {READY_WITHIN:.0f} s")

    def delivered(self, _group, sources):
        """Seconds of audio so far, of each source."""
        metrics = self._scrape()
        up = total(metrics, "myaudio_source_up")
        if up != sources:
            raise Void(f"{up:.0f} of {sources} sources were up")
        return series(metrics, "myaudio_source_audio_seconds_total")

    def buffers(self):
        """Bytes of audio in the capture buffers, and bytes they can hold."""
        metrics = self._scrape()
        only = 'buffer_type="capture"'
        return (
            total(metrics, "myaudio_buffer_size_bytes", only),
            total(metrics, "myaudio_buffer_capacity_bytes", only),
        )

    def _scrape(self):
        with urllib.request.urlopen(self._url, timeout=10) as answer:
            return answer.read().decode()


def series(metrics, name, only=""):
    """The values of a family's series whose labels contain `only`."""
    pattern = rf"^{name}(?:\{{(.*)\}})? (\S+)"
    found = re.findall(pattern, metrics, re.MULTILINE)
    return [float(value) for labels, value in found if only in labels]


def total(metrics, name, only=""):
    return sum(series(metrics, name, only))


def out_of_pace(begin, end, seconds):
    """The seconds of audio a second of each that did not stream in real time."""
    low, high = REAL_TIME
    slack = BLOCK_SECONDS / seconds
    paces = [(after - before) / seconds for before, after in zip(begin, end)]
    return [pace for pace in paces if not low - slack < pace < high + slack]


def check_alive(group):
    if ended := group.ended():
        raise Void(f"{ended} of {len(group.processes)} processes ended: {group.complaint()}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


_PCM = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"]
_FFMPEG = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]


def _input(url):
    return ["-rtsp_transport", "tcp", "-i", url]


def _ffmpeg_each(urls):
    return [[*_FFMPEG, *_input(url), "-vn", *_PCM, "-"] for url in urls]


def _ffmpeg_together(urls):
    inputs = [word for url in urls for word in _input(url)]
    outputs = [
        word
        for n in range(len(urls))
        for word in ["-map", f"{n}:a", *_PCM, "-flush_packets", "0", "pipe:1"]
    ]
    return [[*_FFMPEG, *inputs, *outputs]]


def _gst_each(urls):
    tail = (
        "rtpmp4gdepay ! avdec_aac ! audioconvert ! audioresample ! "
        f"audio/x-raw,format=S16LE,rate={RATE},channels=1 ! fdsink fd=1"
    ).split()
    return [
        ["gst-launch-1.0", "-q", "rtspsrc", f"location={url}", "protocols=tcp", "!", *tail]
        for url in urls
    ]


def peers():
    """By the name that `--groups` takes."""
    return {
        "ffmpeg": Peer("one ffmpeg per source", _ffmpeg_each),
        "ffmpeg-all": Peer("one ffmpeg for all", _ffmpeg_together),
        "gst": Peer("one gst-launch per source", _gst_each),
    }
