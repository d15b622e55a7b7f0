#!/usr/bin/python3
"""An HTTP server of audio streams that misbehaves, for tests. Standard library only.

The first part of a URL's path says how:

  /play            behaves: the MP3 of --audio over and over, in real time
  /shoutcast       the same behind "ICY 200 OK"
  /titles          the same with a title after each 4000 bytes
  /metaint         announces titles after each 4000 bytes and sends none
  /private         the same, to the user "canary-user" with the password "canary-pass"
  /here            302 to /private
  /elsewhere       302 to /private on the host of --elsewhere
  /loop            302 to itself
  /file-scheme     302 to file:///etc/passwd
  /terabyte        Content-Length 10**12, two seconds of audio, then it closes
  /stall           two seconds of audio, then nothing
  /alternate       two seconds of the MP3, or of WAV at 16 kHz mono, in turn
  /burst           all of the MP3 as fast as it goes, then it closes
  /junk            two seconds of audio, then bytes without a frame, as fast as they go
  /break           two seconds of audio, then a chunk that is none
  /endless-line    a status line, then one header line that never ends
  /many-headers    a status line, then headers for ever
  /slow-head       a head that comes letter by letter
  /garbage         bytes that are not HTTP
  /mute            accepts and never answers
  /silent          a head, and never a body
  /empty           a head, and the end
  /page            a web page
  /hidden-page     a web page that claims to be audio
  /playlist        a playlist
  /gzip            audio with Content-Encoding: gzip
  /late-flac       FLAC without its header
  /mpegts          an MPEG transport stream that claims to be MP3
  /noise           random bytes that claim to be MP3
  /not-found /unauthorized /busy   404, 401, 503
  /switch/NAME     plays until a line "NAME WAY" comes on the standard input (see --switch),
                   and again after "NAME play"; WAY is one of those above, which ends what
                   plays, or goes on with it: hush (nothing more), drip (a byte a second),
                   flood (bytes without a frame, as fast as they go; whoever comes anew is
                   played to)

When ready, one JSON line is printed: {"port": 40001}. With --log FILE the head of each
request is appended to it, as received. The server ends with the process that started it.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import ssl
import struct

# What a mount under /switch does, by name, and what is told of its next change.
WAYS = {}
CHANGES = {}


def switch():
    """Takes lines of the standard input, each of which comes whole."""
    lines = os.read(0, 65536).decode().splitlines()
    for name, way in map(str.split, lines):
        WAYS[name] = way
        CHANGES.pop(name, asyncio.Event()).set()
    if not lines:
        asyncio.get_running_loop().remove_reader(0)


BYTES_A_SECOND = 16000
CREDENTIALS = base64.b64encode(b"canary-user:canary-pass").decode()


class Request:
    """One connection and its one request."""

    alternated = False

    def __init__(self, options, reader, writer):
        self.options = options
        self.reader = reader
        self.writer = writer
        self.random = random.Random(1)

    async def run(self):
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if self.options.log:
                with open(self.options.log, "a", encoding="latin-1") as log:
                    log.write(head)
            path = head.split(" ")[1].lstrip("/").split("/")[0].split("?")[0]
            if path == "switch":
                await self.switched(head, head.split(" ")[1].split("/")[2])
                return
            answer = getattr(self, path.replace("-", "_"), self.not_found)
            await answer(head)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.writer.close()

    async def write(self, data):
        self.writer.write(data if isinstance(data, bytes) else data.encode())
        await self.writer.drain()

    async def head(self, status="200 OK", kind="audio/mpeg", headers=()):
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *headers]
        await self.write("\r\n".join(lines) + "\r\n\r\n")

    async def audio(self, seconds=None, wrap=lambda piece: piece):
        """Plays in pieces of 100 ms, for ever or so long."""
        data = self.options.audio_bytes
        piece = BYTES_A_SECOND // 10
        began = asyncio.get_running_loop().time()
        sent = 0
        while seconds is None or sent < seconds * BYTES_A_SECOND:
            at = sent % len(data)
            block = (data + data)[at : at + piece]
            await self.write(wrap(block))
            sent += piece
            late = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0, sent / BYTES_A_SECOND - late))

    async def forever(self):
        await self.reader.read()

    async def switched(self, head, name):
        tails = {"play": self.audio, "hush": self.forever, "drip": self.drip, "flood": self.flood}
        begun = False
        while True:
            way = WAYS.get(name, "play").replace("-", "_")
            if way == "flood" and not begun:
                way = "play"
            if way not in tails and begun:
                return
            if way in tails and not begun:
                await self.head()
                begun = True
            if way not in tails:
                # Whoever has been refused so far is refused to the end.
                await getattr(self, way)(head)
                return
            doing = tails[way]()
            changed = CHANGES.setdefault(name, asyncio.Event()).wait()
            both = [asyncio.ensure_future(doing), asyncio.ensure_future(changed)]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            ended = both[0].done()
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            if ended:
                return

    async def drip(self):
        for byte in self.options.audio_bytes:
            await self.write(bytes([byte]))
            await asyncio.sleep(1)

    async def flood(self):
        while True:
            await self.write(bytes(65536))

    async def play(self, _):
        await self.head()
        await self.audio()

    async def shoutcast(self, _):
        await self.write("ICY 200 OK\r\nicy-name:test\r\ncontent-type:audio/mpeg\r\n\r\n")
        await self.audio()

    async def titles(self, _):
        await self.head(headers=["icy-metaint: 4000"])
        title = b"StreamTitle='canary-title <script>\xff\"';"
        title += bytes(-len(title) % 16)
        block = bytes([len(title) // 16]) + title
        left = 4000

        def mix(piece):
            nonlocal left
            out = b""
            while piece:
                out += piece[:left]
                took = min(left, len(piece))
                piece = piece[took:]
                left -= took
                if left == 0:
                    out += block
                    left = 4000
            return out

        await self.audio(wrap=mix)

    async def metaint(self, _):
        await self.head(headers=["icy-metaint: 4000"])
        await self.audio()

    async def private(self, head):
        if f"Basic {CREDENTIALS}" in head:
            await self.play(head)
        else:
            await self.unauthorized(head)

    async def here(self, _):
        await self.head("302 Found", headers=["Location: /private?again=1"])

    async def elsewhere(self, _):
        location = f"http://{self.options.elsewhere}/private"
        await self.head("302 Found", headers=[f"Location: {location}"])

    async def loop(self, _):
        await self.head("302 Found", headers=["Location: /loop"])

    async def file_scheme(self, _):
        await self.head("302 Found", headers=["Location: file:///etc/passwd"])

    async def terabyte(self, _):
        await self.head(headers=["Content-Length: 1000000000000"])
        await self.audio(2)

    async def stall(self, _):
        await self.head()
        await self.audio(2)
        await self.forever()

    async def alternate(self, _):
        Request.alternated = not Request.alternated
        await self.head()
        if Request.alternated:
            await self.audio(2)
            return
        unknown = 0xFFFFFFFF
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16)
        await self.write(struct.pack("<4sI4s", b"RIFF", unknown, b"WAVE") + form)
        await self.write(struct.pack("<4sI", b"data", unknown))
        for _ in range(20):
            await self.write(struct.pack("<h", 1000) * 1600)
            await asyncio.sleep(0.1)

    async def burst(self, _):
        await self.head()
        await self.write(self.options.audio_bytes)

    async def junk(self, _):
        await self.head()
        await self.audio(2)
        await self.flood()

    async def _break(self, _):
        await self.head(headers=["Transfer-Encoding: chunked"])
        await self.audio(2, wrap=lambda piece: f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await self.write("no length\r\n")
        await self.forever()

    async def endless_line(self, _):
        await self.write("HTTP/1.1 200 OK\r\nX: ")
        while True:
            await self.write(b"x" * 65536)

    async def many_headers(self, _):
        await self.write("HTTP/1.1 200 OK\r\n")
        while True:
            await self.write("X-Header: value\r\n" * 100)

    async def slow_head(self, _):
        for letter in "HTTP/1.1 200 OK\r\nX: " + "x" * 10000:
            await self.write(letter)
            await asyncio.sleep(0.05)

    async def garbage(self, _):
        await self.write(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")
        await self.forever()

    async def mute(self, _):
        await self.forever()

    async def silent(self, _):
        await self.head()
        await self.forever()

    async def empty(self, _):
        await self.head()

    async def page(self, _):
        await self.head(kind="text/html; charset=utf-8")
        await self.write("<!doctype html><title>canary</title>")

    async def hidden_page(self, _):
        await self.head()
        await self.write("<!doctype html><title>canary</title>")

    async def playlist(self, _):
        await self.head(kind="audio/x-mpegurl")
        await self.write("#EXTM3U\n")

    async def gzip(self, _):
        await self.head(headers=["Content-Encoding: gzip"])
        await self.audio()

    async def late_flac(self, _):
        await self.head(kind="audio/flac")
        while True:
            await self.write(self.random.randbytes(16384))

    async def mpegts(self, _):
        await self.head()
        while True:
            await self.write(b"".join(b"G" + self.random.randbytes(187) for _ in range(20)))

    async def noise(self, _):
        await self.head()
        while True:
            await self.write(self.random.randbytes(16384))

    async def not_found(self, _):
        await self.head("404 Not Found", "text/html")

    async def unauthorized(self, _):
        headers = ['WWW-Authenticate: Basic realm="radio"']
        await self.head("401 Unauthorized", "text/html", headers)

    async def busy(self, _):
        await self.head("503 Service Unavailable", "text/html")


async def end_with(parent):
    while os.getppid() == parent:
        await asyncio.sleep(1)
    os._exit(0)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--audio", required=True, help="an MP3 file of 128 kbit/s")
    parser.add_argument("--elsewhere", default="elsewhere.invalid")
    parser.add_argument("--log")
    parser.add_argument("--tls", help="a PEM file with a key and its certificate: speak TLS")
    parser.add_argument("--switch", action="store_true", help="read ways of /switch from stdin")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    options = parser.parse_args()
    if options.switch:
        asyncio.get_running_loop().add_reader(0, switch)
    with open(options.audio, "rb") as file:
        options.audio_bytes = file.read()
    # `break` is a word of the language.
    setattr(Request, "break", Request._break)
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls)
    server = await asyncio.start_server(
        lambda reader, writer: Request(options, reader, writer).run(),
        options.host,
        options.port,
        ssl=tls,
    )
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await end_with(os.getppid())


asyncio.run(main())
