#!/usr/bin/python3
"""An RTSP server that misbehaves, for tests. Standard library only.

The first part of a URL's path says how:

  /garbage         answers with bytes that are not RTSP
  /endless-line    a status line, then one header line that never ends
  /many-headers    a status line, then headers for ever
  /endless-body    Content-Length 60000000000, and the body keeps coming
  /not-found       404
  /unauthorized    401 to every request, whatever the credentials
  /redirect        302; Location names the host of --elsewhere
  /mute            accepts and never answers
  /stall-setup     answers OPTIONS and DESCRIBE, never SETUP
  /foreign-base    DESCRIBE answers with a Content-Base on the host of --elsewhere
  /play            behaves: PCMU 8 kHz mono, a 1 kHz tone, 50 packets a second
  /stall/N         plays N packets, then sends no more, but answers keepalives
  /junk/N          plays N packets, then one RTP packet after the other of random bytes
  /noise/N         plays N packets, then bytes that are no interleaved frames at all
  /new-ssrc/N      plays N packets, then goes on under another SSRC
  /hang-up/N       plays N packets, then closes the connection
  /alternate/N     as /hang-up, in turn with L16 16 kHz mono
  /wrap/N          sequence number and timestamp wrap at packet N
  /jump/N          plays N packets, then the timestamp is 10 s ahead
  /back/N          plays N packets, then the timestamp is 3 s behind
  /gap/N           of every N packets the last is never sent
  /reorder/N       of every N packets the last two change places
  /twice/N         of every N packets the last comes twice
  /restart/N       plays N packets, then the sequence number is elsewhere
  /held/N          of every N packets half come together, 3/8 N packets late; so do the others,
                   but with the last of them in time
  /fast/N, /slow/N  the clock is fast or slow by N parts in a million
  /switch/NAME     behaves until a line "NAME WAY" comes on the standard input (see --switch),
                   and again after "NAME play"; WAY is one of those above that refuse, which
                   ends what plays, or
                     stall, drip            no more media, or a byte a second of it
                     drip-head, drip-body   answers a byte a second; ends what plays
                     hang-up                ends what plays, once
                     new-ssrc, ahead, back  another SSRC; 3,000 numbers on; 3,000 back
                     later, earlier         the timestamp jumps 10 s ahead, or 3 s behind
                     lose, reorder          of every ten packets one is missing, or late

Media goes as the client asks: over the RTSP connection, or by UDP (/tcp-only refuses UDP with
461, /udp-only the connection, /tcp-anyway answers with the connection whatever was asked).

When ready, one JSON line is printed: {"port": 40001}. With --log FILE every request line
is appended to it, as received. The server ends with the process that started it (see
--stay).
"""

import argparse
import asyncio
import json
import math
import os
import random
import signal
import socket
import struct

PACKET_SECONDS = 0.02
SAMPLES = 160
JUNK = random.Random(1)


def mu_law(sample):
    """One 16-bit sample as G.711 mu-law (ITU-T G.711, table 2a)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> (exponent + 3) & 0x0F) & 0xFF


# 1 kHz at 8 kHz repeats every 8 samples, so every packet is the same: RMS -15 dBFS.
PEAK = 32768 * 10 ** (-15 / 20) * math.sqrt(2)
TONE = bytes(mu_law(round(PEAK * math.sin(2 * math.pi * n / 8))) for n in range(SAMPLES))


def interleaved(packet):
    """RFC 2326, section 10.12, on channel 0."""
    return struct.pack(">cBH", b"$", 0, len(packet)) + packet


def rtp(index, payload, ssrc, sequence=0, samples=0):
    """RFC 3550, section 5.1; payload type 0. The last two are where the numbers begin."""
    timestamp = index * SAMPLES + samples & 0xFFFFFFFF
    return struct.pack(">BBHII", 0x80, 0, index + sequence & 0xFFFF, timestamp, ssrc) + payload


def wide(index):
    """Of L16 at 16 kHz, dynamic payload type (RFC 3551, section 4.5.11)."""
    head = struct.pack(">BBHII", 0x80, 96, index & 0xFFFF, index * 2 * SAMPLES, 0x600D)
    return head + struct.pack(">h", 1000) * 2 * SAMPLES


def sequence_of(way, number):
    """The packets of the ways that only number or order them oddly, without end."""
    index = 0
    while True:
        after = index >= number
        last = index % number == number - 1
        if way == "wrap":
            yield [rtp(index, TONE, 0x600D, -number, -number * SAMPLES)]
        elif way == "jump":
            yield [rtp(index, TONE, 0x600D, samples=80000 if after else 0)]
        elif way == "back":
            yield [rtp(index, TONE, 0x600D, samples=-24000 if after else 0)]
        elif way == "restart":
            yield [rtp(index, TONE, 0x600D, sequence=20000 if after else 0)]
        elif way == "gap" and last:
            yield []
        elif way == "held":
            first, half = index - index % number, number // 2
            late = index % number == number * 7 // 8 - 1
            at = first if late else first + half
            yield [rtp(at + n, TONE, 0x600D) for n in range(half if late or last else 0)]
        elif way == "twice" and last:
            yield [rtp(index, TONE, 0x600D)] * 2
        elif way == "reorder" and (index + 1) % number == number - 1:
            yield []
        elif way == "reorder" and last:
            yield [rtp(index, TONE, 0x600D), rtp(index - 1, TONE, 0x600D)]
        else:
            yield [rtp(index, TONE, 0x600D)]
        index += 1


NUMBERED = ("wrap", "jump", "back", "gap", "reorder", "twice", "restart", "held", "fast", "slow")
PLAIN = ("play", "stall-setup", "foreign-base", "tcp-only", "udp-only", "tcp-anyway")
# What a mount under /switch does, by name; it behaves if it is not here.
WAYS = {}
# Ways that change what plays and do not end it, each with its leap in sequence number and
# timestamp.
LEAPS = {"ahead": (3000, 0), "back": (-3000, 0), "later": (0, 80000), "earlier": (0, -24000)}
IN_PLAY = ("play", "stall", "drip", "new-ssrc", "lose", "reorder", *LEAPS)


def switch():
    """Takes lines of the standard input, each of which comes whole."""
    lines = os.read(0, 65536).decode().splitlines()
    WAYS.update(line.split() for line in lines)
    if not lines:
        asyncio.get_running_loop().remove_reader(0)


class Session:
    """One connection."""

    alternated = False

    def __init__(self, options, reader, writer):
        self.options = options
        self.reader = reader
        self.writer = writer
        self.player = None
        self.udp = None
        self.switched = None
        self.wide = False

    async def run(self):
        try:
            while await self.one_request():
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            if self.player:
                self.player.cancel()
            if self.udp:
                self.udp.close()
            self.writer.close()

    async def one_request(self):
        """Reads and answers one request. False when the connection is to be closed."""
        first = await self.reader.readexactly(1)
        if first == b"$":  # the client's RTCP
            _, size = struct.unpack(">BH", await self.reader.readexactly(3))
            await self.reader.readexactly(size)
            return True
        head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
        line, *fields = head.strip().split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (field.partition(":") for field in fields)
        }
        await self.reader.readexactly(int(headers.get("content-length", "0")))
        self.log(line)
        method, url, _ = (line + "  ").split(" ", 2)
        path = url.split("://", 1)[-1].partition("/")[2].partition("?")[0].split("/")
        number = int(path[1]) if len(path) > 1 and path[1].isdigit() else None
        if path[0] == "switch":
            way = WAYS.get(path[1], "play")
            if way in IN_PLAY or way == "hang-up":
                self.switched, way = path[1], "play"
            return await self.answer(method, url, way, None, headers)
        return await self.answer(method, url, path[0], number, headers)

    def log(self, line):
        if self.options.log:
            with open(self.options.log, "a", encoding="utf-8") as log:
                log.write(line + "\n")

    async def answer(self, method, url, way, number, headers):
        cseq = headers.get("cseq", "0")
        elsewhere = self.options.elsewhere
        if way == "garbage":
            await self.send(JUNK.randbytes(4096))
            return False
        if way == "endless-line":
            await self.send(b"RTSP/1.0 200 OK\r\nX-Long: ")
            return await self.for_ever(lambda: b"a" * 65536)
        if way == "many-headers":
            await self.send(b"RTSP/1.0 200 OK\r\n")
            return await self.for_ever(lambda: b"X-Many: of these\r\n" * 4096)
        if way == "endless-body":
            await self.reply("200 OK", cseq, {"Content-Length": "60000000000"})
            return await self.for_ever(lambda: b"v=0\r\n" * 8192)
        if way == "drip-head":
            return await self.drip(b"RTSP/1.0 200 OK\r\nX-Slow: " + b"x" * 1000)
        if way == "drip-body":
            await self.reply("200 OK", cseq, {"Content-Length": "1000"})
            return await self.drip(SDP * 9)
        if way == "mute" or (way == "stall-setup" and method == "SETUP"):
            return await self.never()
        if way == "unauthorized":
            nonce = JUNK.randbytes(8).hex()
            challenge = f'Digest realm="hostile", nonce="{nonce}", algorithm=MD5'
            await self.reply("401 Unauthorized", cseq, {"WWW-Authenticate": challenge})
        elif way == "redirect":
            await self.reply("302 Found", cseq, {"Location": f"rtsp://{elsewhere}/play"})
        elif way in PLAIN or number is not None:
            await self.behave(method, url, way, number, cseq, headers)
        else:
            await self.reply("404 Not Found", cseq, {})
        return True

    async def behave(self, method, url, way, number, cseq, headers):
        session = {"Session": "1;timeout=60"}
        if method == "OPTIONS":
            verbs = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
            await self.reply("200 OK", cseq, {"Public": verbs})
        elif method == "DESCRIBE":
            base = url.rstrip("/") + "/"
            if way == "foreign-base":
                base = f"rtsp://{self.options.elsewhere}/play/"
            fields = {"Content-Base": base, "Content-Type": "application/sdp"}
            if way == "alternate":
                self.wide = Session.alternated
                Session.alternated = not Session.alternated
            await self.reply("200 OK", cseq, fields, WIDE_SDP if self.wide else SDP)
        elif method == "SETUP":
            agreed = self.transport(way, headers.get("transport", ""))
            if agreed is None:
                await self.reply("461 Unsupported Transport", cseq, {})
            else:
                await self.reply("200 OK", cseq, session | {"Transport": agreed})
        elif method == "PLAY":
            await self.reply("200 OK", cseq, session | {"RTP-Info": f"url={url};seq=0;rtptime=0"})
            if self.player is None:
                self.player = asyncio.create_task(self.play(way, number))
        else:
            await self.reply("200 OK", cseq, session)

    def transport(self, way, asked):
        """The Transport to answer with; None if it is refused (RFC 2326, section 12.39)."""
        interleaved = "interleaved" in asked or "TCP" in asked
        if way == "tcp-anyway":
            interleaved = True
        if way == ("udp-only" if interleaved else "tcp-only"):
            return None
        if interleaved:
            return "RTP/AVP/TCP;unicast;interleaved=0-1"
        client = asked.partition("client_port=")[2].partition(";")[0]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.options.host, 0))
        client_host = self.writer.get_extra_info("peername")[0]
        self.udp.connect((client_host, int(client.split("-")[0])))
        port = self.udp.getsockname()[1]
        # The source named here is a lure: nobody may take or send media there.
        lure = self.options.elsewhere.split(":")[0]
        ports = f"client_port={client};server_port={port}-{port + 1}"
        return f"RTP/AVP;unicast;source={lure};{ports};ssrc=0000600D"

    async def media(self, packet):
        if self.udp is None:
            await self.send(interleaved(packet))
            return
        try:
            self.udp.send(packet)
        except ConnectionRefusedError:
            pass  # the client has closed its port

    async def play_numbered(self, way, number):
        loop = asyncio.get_running_loop()
        started = loop.time()
        error = {"fast": number, "slow": -number}.get(way, 0) / 1e6
        pace = PACKET_SECONDS / (1 + error)
        for index, packets in enumerate(sequence_of(way, number)):
            for packet in packets:
                await self.media(packet)
            await asyncio.sleep(started + (index + 1) * pace - loop.time())

    async def play_switched(self):
        loop = asyncio.get_running_loop()
        started = loop.time()
        index, sequence, samples, ssrc, late = 0, 0, 0, 0x600D, []
        known = WAYS.get(self.switched, "play")
        while True:
            way = WAYS.get(self.switched, "play")
            if way != known:
                known = way
                sequence += LEAPS.get(way, (0, 0))[0]
                samples += LEAPS.get(way, (0, 0))[1]
                ssrc ^= way == "new-ssrc"
                if way not in IN_PLAY:
                    self.writer.close()
                    return
            packet = rtp(index, TONE, ssrc, sequence, samples)
            last = index % 10 == 9
            if way == "drip":
                # Once the way changes, the rest goes at once.
                for byte in interleaved(packet):
                    await self.send(bytes([byte]))
                    due = loop.time() + 1
                    while WAYS.get(self.switched) == way and loop.time() < due:
                        await asyncio.sleep(PACKET_SECONDS)
                started = loop.time() - index * PACKET_SECONDS
            elif way == "reorder" and last:
                late = [packet]
            elif way != "stall" and not (way == "lose" and last):
                for each in [packet, *late]:
                    await self.media(each)
                late = []
            index += 1
            await asyncio.sleep(started + index * PACKET_SECONDS - loop.time())

    async def play(self, way, number):
        """Media, paced against the clock so that it neither drifts nor bursts."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        index = 0
        try:
            if self.switched:
                await self.play_switched()
                return
            if way in NUMBERED:
                await self.play_numbered(way, number)
            while True:
                good = number is None or index < number
                if not good and way == "stall":
                    return
                if not good and way in ("hang-up", "alternate"):
                    self.writer.close()
                    return
                data = b""
                if good:
                    await self.media(wide(index) if self.wide else rtp(index, TONE, 0x600D))
                elif way == "junk":
                    await self.media(JUNK.randbytes(172))
                elif way == "noise":
                    # Never "$" nor "R": neither a frame nor the start of a message.
                    data = JUNK.randbytes(176).translate(bytes.maketrans(b"$R", b"xx"))
                else:
                    await self.media(rtp(index, TONE, 0x0BAD))
                await self.send(data)
                index += 1
                await asyncio.sleep(started + index * PACKET_SECONDS - loop.time())
        except ConnectionError:
            self.writer.close()

    async def reply(self, status, cseq, fields, body=b""):
        head = f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n"
        if body:
            fields = fields | {"Content-Length": str(len(body))}
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.send(head.encode() + b"\r\n" + body)

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, data):
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(1)
        return False

    async def for_ever(self, chunk):
        while True:
            await self.send(chunk())

    async def never(self):
        """Reads without answering until the client leaves."""
        while await self.reader.read(65536):
            pass
        return False


SDP = b"\r\n".join(
    [
        b"v=0",
        b"o=- 1 1 IN IP4 127.0.0.1",
        b"s=hostile",
        b"c=IN IP4 0.0.0.0",
        b"t=0 0",
        b"a=control:*",
        b"m=audio 0 RTP/AVP 0",
        b"a=rtpmap:0 PCMU/8000",
        b"a=control:track0",
        b"",
    ]
)


WIDE_SDP = SDP.replace(b"RTP/AVP 0", b"RTP/AVP 96").replace(b"0 PCMU/8000", b"96 L16/16000")


async def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    parser.add_argument("--log", help="file to append request lines to")
    parser.add_argument("--elsewhere", default="127.0.0.2:9", help="host:port to lure clients to")
    parser.add_argument("--switch", action="store_true", help="read ways of /switch from stdin")
    parser.add_argument("--stay", action="store_true", help="outlive the starting process")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    options = parser.parse_args()

    async def connected(reader, writer):
        await Session(options, reader, writer).run()

    server = await asyncio.start_server(connected, options.host, options.port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    ended = asyncio.Event()
    for wish in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(wish, ended.set)
    if options.switch:
        asyncio.get_running_loop().add_reader(0, switch)
    parent = os.getppid()
    while not ended.is_set() and (options.stay or os.getppid() == parent):
        try:
            await asyncio.wait_for(ended.wait(), timeout=1)
        except asyncio.TimeoutError:
            pass


if __name__ == "__main__":
    asyncio.run(main())
