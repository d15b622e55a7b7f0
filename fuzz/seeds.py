#!/usr/bin/python3
"""Writes fuzz/seeds: a few small inputs for each target. Needs ffmpeg.

The first bytes of an input steer a target (how the stream is cut, which codec, …); what follows
is what a stranger would send. The seeds are committed, so that no check needs this script; run
it when a target's steering bytes change.
"""

import os
import pathlib
import shutil
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SEEDS = HERE / "seeds"
FIXTURES = HERE.parent / "tests" / "fixtures" / "config"


def put(target, name, *parts):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(parts))


def piece(data):
    data = data if isinstance(data, bytes) else data.encode()
    assert len(data) < 256, len(data)
    return bytes([len(data)]) + data


def long_piece(data):
    return struct.pack(">H", len(data)) + data


def encoded(*arguments, seconds="0.25", rate="48000", channels="1"):
    """A short sweep as ffmpeg writes it."""
    source = f"sine=f=440:r={rate}:d={seconds}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-ac", channels]
    # A muxer that seeks needs a file.
    out = SEEDS / "temporary"
    exact = ["-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1"]
    subprocess.run([*command, *exact, *arguments, "-y", out], check=True)
    data = out.read_bytes()
    out.unlink()
    return data


def frame(channel, data):
    return b"$" + bytes([channel]) + struct.pack(">H", len(data)) + data


def rtsp():
    ok = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nhello"
    rtp = frame(0, b"\x80\x60\0\1\0\0\0\0\0\0\0\0audio")
    put("framing", "answers-and-frames", b"\x05", ok, rtp, frame(1, b"rtcp"), b"\r\n", rtp, ok)
    put("framing", "redirect", b"\x01", b"RTSP/1.0 302 Moved\r\nLocation: rtsp://u:p@evil/x\r\n\r\n")
    put("framing", "request", b"\x02", b"OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n", frame(0, b""))
    put("framing", "two-lengths", b"\x03",
        b"RTSP/1.0 200 OK\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\nabc")
    put("framing", "two-different-lengths", b"\x03",
        b"RTSP/1.0 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
    ask = b"DESCRIBE rtsp://h/ RTSP/1.0\r\nUser-Agent: us\x01\r\nCSeq: 1\r\n\r\n"
    put("relay_client", "two", b"\x07", ask, ask)
    put("relay_client", "stranger", b"\x07", ask, b"GET / HTTP/1.1\r\n\r\n")
    put("reorder", "in-order", b"\xff\xfb", bytes([32] * 12))
    put("reorder", "disorder", b"\0\0", bytes([32, 3, 16, 17, 0, 5, 0, 0, 32, 96, 96, 2, 96, 96]))
    # A number that comes again, first small, then large.
    put("reorder", "again", b"\0\0", bytes([32, 3, 17, 96, 17, 96, 0, 0, 32]))
    put("reorder", "gaps", b"\0\0", bytes([32] + [2] * 9 + [66] * 9))
    put("reorder", "restart", b"\0\0", bytes([32, 1, 0x80, 0, 32, 32]))
    client = (b"\r\n$\x01\0\5helloOPTIONS rtsp://h/m RTSP/1.0\r\nCSeq: 1\r\n\r\n"
              b"SET_PARAMETER rtsp://h/m RTSP/1.0\ncseq:7\nContent-Length: 3\n\nabc"
              b"PLAY rtsp://h/m/ RTSP/1.0\r\nCSeq: 8\r\nSession: 1\r\n\r\n")
    put("demo_inbox", "requests", b"\x04", client)
    put("demo_inbox", "no-request", b"\x01", b"GET / HTTP/1.1\r\n\r\n")


def sdp():
    def described(encoding, fmtp, number=96):
        return ("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                "a=control:*\r\nm=video 0 RTP/AVP 98\r\na=rtpmap:98 H264/90000\r\n"
                f"m=audio 0 RTP/AVP {number}\r\na=rtpmap:{number} {encoding}\r\n"
                f"a=fmtp:{number} {fmtp}\r\na=control:track1\r\n").encode()
    aac = "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1188"
    latm = "cpresent=0;config=40002310"
    put("sdp", "aac", b"\x01\x60", piece("mpeg4-generic"), described("MPEG4-GENERIC/48000", aac))
    put("sdp", "latm", b"\x01\x60", piece("mp4a-latm"), described("MP4A-LATM/48000", latm))
    put("sdp", "opus", b"\x01\x60", piece("opus"), described("opus/48000/2", "sprop-stereo=0"))
    put("sdp", "odd", b"\x00\x00", piece('evil"}\n#'), b"m=audio\na=fmtp:0 config=4;;=\n")

    authenticate = piece('Digest realm="cam", nonce="0123456789abcdef", algorithm=MD5')
    two = piece(b"\x00\x10" + struct.pack(">H", 20 << 3) + bytes(20))
    for name, manner, text, more in [
        ("aac", b"\0", described("MPEG4-GENERIC/48000", aac), b"\x03" + two + b"\x03" + two),
        ("digest", b"\1", described("PCMU/8000", "x=1", 0), b"\x40" + piece(bytes(160))),
        ("latm", b"\0", described("MP4A-LATM/48000", latm), b"\x03" + piece(b"\x04abcd")),
        ("opus", b"\0", described("opus/48000/2", "x=1"), b"\x02" + piece(b"\xfc\xff\xfe")),
        ("l16", b"\0", described("L16/44100/2", "x=1"), b"\x02" + piece(bytes(64))),
        ("no-audio", b"\0", b"v=0\r\nm=video 0 RTP/AVP 98\r\n", b""),
    ]:
        answers = (authenticate if manner == b"\1" else b"") + piece(";ssrc=01020304")
        answers += piece("url=rtsp://127.0.0.1/track1;seq=1;rtptime=0")
        media = more + b"\x80" + piece(bytes.fromhex("80c800060102030400000000000000000000000000000000"))
        put("rtsp_session", name, manner, long_piece(text), answers, media, more)

    put("payload", "latm", b"\0", piece(latm), b"\x01", piece(b"\x04abcd"), b"\x05", piece(b"\x02ab"))
    put("payload", "latm-short", b"\0", piece(latm), b"\x01", piece(b"\x40abcd"))
    put("payload", "latm-in-band", b"\0", piece("x=1"), b"\x01",
        piece(bytes.fromhex("20001188000410") + b"abcdef"))
    mp3 = b"\xff\xfb\x94\0" + bytes(380)
    put("payload", "mpa", b"\x01", piece("x=1"), b"\0", piece(bytes(4) + mp3[:200]),
        b"\0", piece(b"\0\0\0\xc8" + mp3[200:]), b"\2", piece(bytes(4) + mp3[:96]))
    put("payload", "opus", b"\x02", piece("sprop-stereo=1"), b"\0", piece(b"\xfc\xff\xfe"))
    put("bits", "config", piece(bytes([1, 6, 0x82, 0xc5, 0x20])), bytes.fromhex("400023100000000000"))
    put("bits", "long", piece(bytes(range(0, 256, 17))), bytes(range(64)))


def http():
    audio = bytes(range(1, 100))
    for name, text in [
        ("plain", b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n" + audio),
        ("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n3;x=y\r\nfgh\r\n0\r\n\r\n"),
        ("length", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: audio/flac\r\n\r\nfLaC"),
        ("icy", b"ICY 200 OK\r\nicy-name:x\r\nicy-metaint:8\r\n\r\n12345678\x02StreamTitle='x';" + bytes(16) + audio),
        ("redirect", b"HTTP/1.0 302 Found\r\nLocation: https://u:p@other.lan:8443/x#f\r\n\r\n"),
        ("page", b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"),
        ("informational", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + audio),
    ]:
        put("http_answer", name, b"\x03", text)
    put("icy", "honest", b"\x03\x00\x00\x08\x02", piece("Artist"), piece(""), audio)
    put("icy", "lies", b"\x02\x01\x00\x08", audio)
    put("icy", "blocks", b"\x02\x01\x00\x04", b"abcd\x02StreamTitle='x\xff\0';" + bytes(14) + b"efgh\0ijkl")
    for name, location in [("path", "/c?d"), ("other", "https://u:p@o.lan:99/x#f"),
                           ("scheme", "//o/x"), ("file", "file:///etc/passwd"), ("dots", "../../%2e/x")]:
        put("redirect", name, location.encode())
    accept = ("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,"
              "gzip;q=0.5,*/*;q=0.1")
    for name, method, host, origin in [
        ("get", 0, "localhost:10480", ""), ("post", 2, "radio.lan", "http://radio.lan"),
        ("ip", 2, "[::1]:80", "http://[::1]"), ("evil", 2, "evil.example", "https://evil.example"),
        ("similar", 0, "evil-radio.lan", ""),
    ]:
        put("http_request", name, bytes([method, 0]), piece(host), piece(origin), piece(accept),
            piece("target=garden&module=audio"), piece("10"))
    put("recorder_metrics", "go", b"\x05", b"# TYPE go_goroutines gauge\ngo_goroutines 42\n"
        b"go_memstats_heap_alloc_bytes 6e+06\ngo_memstats_heap_inuse_bytes 7e+06\n"
        b"go_memstats_heap_idle_bytes 5e+06\ngo_memstats_gc_cpu_fraction 0.07\n")
    put("recorder_metrics", "java", b"\xff", b'jvm_memory_used_bytes{area="heap",id="Old",} 2.0E7\n'
        b'jvm_memory_committed_bytes{area="heap",id="Old",} 1.0E7\nx{y="}"} NaN 17\nx +Inf')
    put("exposition", "labels", struct.pack(">d", 1.5), b"\x01\x00", piece('a"\\\n'), piece("b\r{}"),
        piece("# EOF"), piece(""), piece("ä"), piece("\\n"))
    put("exposition", "infinite", struct.pack(">d", float("-inf")), b"\xff\xff", piece("x"))


def media():
    short = ["-ss", "0", "-t", "0.1"]
    files = {
        "wav": encoded("-c:a", "pcm_s16le", "-f", "wav", *short, rate="8000"),
        "wav-float": encoded("-c:a", "pcm_f32le", "-f", "wav", *short, rate="8000"),
        "wav-mulaw": encoded("-c:a", "pcm_mulaw", "-f", "wav", *short, rate="8000"),
        "wav-adpcm": encoded("-c:a", "adpcm_ms", "-f", "wav", rate="8000"),
        "rf64": encoded("-c:a", "pcm_s16le", "-f", "wav", "-rf64", "always", *short, rate="8000"),
        "flac": encoded("-c:a", "flac", "-f", "flac", *short, rate="8000"),
        "ogg-vorbis": encoded("-c:a", "libvorbis", "-f", "ogg", rate="8000"),
        "ogg-flac": encoded("-c:a", "flac", "-f", "ogg", *short, rate="8000"),
        "mp3": encoded("-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3", "-id3v2_version", "0"),
        "mp3-tagged": encoded("-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3", "-metadata", "title=x"),
        "adts": encoded("-c:a", "aac", "-b:a", "32k", "-f", "adts"),
        "m4a": encoded("-c:a", "aac", "-b:a", "32k", "-f", "mp4"),
        "alac": encoded("-c:a", "alac", "-f", "mp4", *short, rate="8000"),
        "mpegts": encoded("-c:a", "aac", "-b:a", "32k", "-f", "mpegts", *short),
    }
    heads = {"wav", "rf64", "flac", "ogg-vorbis", "mp3", "mp3-tagged", "adts", "m4a", "mpegts"}
    for name, data in files.items():
        seekable = name in ("m4a", "alac")
        put("container", name, bytes([0 if seekable else 200, 0]), data)
        if name in heads:
            put("sniff", name, b"\x40", data[:1600])
        if "wav" in name or name == "rf64":
            put("wav", name, b"\x09\x40", data[:400], b"LIST\x04\0\0\0abcd")
    put("container", "wav-live", b"\x08\x03", files["wav"][:600])
    put("container", "wav-endless", b"\x09\x02", files["wav"][:40] + b"\xff" * 4 + files["wav"][44:600])
    # Two links: another stream behind the one that ended.
    put("container", "ogg-chained", b"\x40\x00", files["ogg-vorbis"], files["ogg-flac"])
    put("wav", "no-wav", b"\x02\x01", b"fLaC and more")
    put("wav", "stale", b"\x05\x03", files["wav"][:40] + struct.pack("<I", 10) + files["wav"][44:200])

    def adts_packets(data):
        while len(data) > 7:
            length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
            yield data[7:length]
            data = data[length:]
    aac = list(adts_packets(files["adts"]))[:6]
    put("packet_decoder", "aac", b"\0\0\1", piece(b"\x11\x88"), *map(long_piece, aac))
    mp3 = [files["mp3"][i:i + 96] for i in range(0, 96 * 8, 96)]
    put("packet_decoder", "mp3", b"\2\0\1", piece(b""), *map(long_piece, mp3))
    mp2 = encoded("-c:a", "mp2", "-b:a", "64k", "-f", "mp2")
    mp2 = [mp2[i:i + 192] for i in range(0, 192 * 4, 192)]
    put("packet_decoder", "mp2", b"\3\0\1", piece(b""), *map(long_piece, mp2))
    for which, name in [(4, "l16"), (5, "l24"), (6, "pcmu"), (7, "pcma"), (8, "g722"), (9, "g726")]:
        put("packet_decoder", name, bytes([which, 2, 1]), piece(b""), long_piece(bytes(range(96))))
    put("adpcm", "mixed", b"\1\3", bytes(range(256)))
    put("adpcm", "loud", b"\7\1", b"\x00\xff" * 60)


def config():
    for kind in ("good", "bad"):
        for path in sorted((FIXTURES / kind).glob("*.yaml")):
            put("config_yaml", f"{kind}-{path.stem}", path.read_bytes())
    put("config_yaml", "example", (HERE.parent / "deploy" / "config.example.yaml").read_bytes())
    for manner in range(0, 44):
        put("config_secrets", f"{manner:02}", bytes([manner, manner % 4]), piece("admin"),
            piece("-"), piece("%40"), piece("camera.lan"), piece("/live?x=1"), piece("enabled: true"))
    put("config_secrets", "slash", b"\0\0", piece("a"), piece("12/"), piece("@"), piece("h:554"),
        piece("/"), piece("name: b"))
    put("config_secrets", "cut", b"\0\0", piece("a"), piece("/"), piece("@"), piece("h:554"),
        piece("/"), piece("name: b"))
    for name, text in [
        ("rtsp", "rtsp://u:p%40@Camera.lan:554/live?a=b"), ("ipv6", "rtsps://[::1]:322/"),
        ("http", "HTTPS://u@radio.lan/a"), ("file", "file:///a/b%20c.wav"), ("path", "a/b.wav"),
        ("stdin", "stdin:"), ("fifo", "fifo:///run/x"), ("dir", "dir:///srv/a"), ("named", "a=rtsp://h/"),
        ("no-scheme", "u:p@h"), ("stray", "rtsp://u:a/b@h/"), ("cut", "rtsp://12/34@h/"), ("query", "rtsp://h/user=a_password=b"),
    ]:
        put("address", name, text.encode())


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    SEEDS.mkdir()
    for write in (rtsp, sdp, http, media, config):
        write()
    total = sum(path.stat().st_size for path in SEEDS.rglob("*") if path.is_file())
    print(f"{total} bytes in {SEEDS}")
    assert total < 200 * 1024


if __name__ == "__main__":
    os.umask(0o022)
    main()
