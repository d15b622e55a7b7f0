#!/usr/bin/python3
"""Encodes a 16-bit mono WAV as G.726 by libsndfile, whose coder is Sun's: a reference other
than ffmpeg. Usage: g726_encode.py IN.wav OUT 24|32|40. OUT has the bits in RTP's order; OUT.pcm what
libsndfile decodes them to.
"""

import ctypes
import sys
import wave

AU = 0x030000
KINDS = {"32": 0x30, "24": 0x31, "40": 0x32}


class Info(ctypes.Structure):
    _fields_ = [
        ("frames", ctypes.c_int64),
        ("samplerate", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("format", ctypes.c_int),
        ("sections", ctypes.c_int),
        ("seekable", ctypes.c_int),
    ]


def main():
    source, target, kbit = sys.argv[1:]
    with wave.open(source) as wav:
        samples = wav.readframes(wav.getnframes())
        info = Info(0, wav.getframerate(), 1, AU | KINDS[kbit], 0, 0)
    library = ctypes.CDLL("libsndfile.so.1")
    library.sf_open.restype = ctypes.c_void_p
    handle = library.sf_open(target.encode(), 0x20, ctypes.byref(info))
    if not handle:
        sys.exit("libsndfile cannot write this")
    library.sf_write_short.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64]
    library.sf_write_short(handle, samples, len(samples) // 2)
    library.sf_close.argtypes = [ctypes.c_void_p]
    library.sf_close(handle)
    info = Info()
    handle = library.sf_open(target.encode(), 0x10, ctypes.byref(info))
    decoded = ctypes.create_string_buffer(len(samples))
    library.sf_read_short.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64]
    library.sf_read_short.restype = ctypes.c_int64
    count = library.sf_read_short(handle, decoded, len(samples) // 2)
    library.sf_close(handle)
    with open(target + ".pcm", "wb") as file:
        file.write(decoded.raw[: 2 * count])
    with open(target, "rb") as file:
        whole = file.read()
    start = int.from_bytes(whole[4:8], "big")
    with open(target, "wb") as file:
        file.write(whole[start:])


main()
