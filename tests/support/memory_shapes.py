#!/usr/bin/python3
"""A process whose memory behaves as its first argument says, in real allocations.

It does one tick of work for each line on its standard input and answers each with the size of
a page, so that who watches it decides how much time a tick stands for. It ends with that input.
With --pace SECONDS it ticks by itself until it is ended.

A tick stands for 30 s in the tests: 120 ticks are an hour.
"""

import argparse
import ctypes
import gc
import mmap
import random
import subprocess
import sys
import time

MIB = 1 << 20
PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
random.seed(7)


def pages(size):
    """So many bytes of fresh memory, every page of it touched."""
    memory = mmap.mmap(-1, max(size // PAGE, 1) * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, len(memory), PAGE):
        memory[at] = 1
    return memory


def malloc(size):
    """From the allocator, touched."""
    memory = libc.malloc(size)
    ctypes.memset(memory, 1, size)
    return memory


def steady(kept):
    """Takes and gives back."""
    while True:
        work = [pages(random.randrange(PAGE, MIB // 2)) for _ in range(3)]
        del work[:]
        yield


def leak(kept):
    """128 KiB a tick: 15 MiB an hour on 64."""
    while True:
        kept.append(pages(MIB // 8))
        yield


def leak_small(kept):
    """The same in pieces from the allocator, which nobody frees."""
    while True:
        for _ in range(128):
            malloc(1024)
        yield


def leak_by_chunks(kept):
    """A buffer for every reconnect, now and then."""
    while True:
        kept.append(pages(MIB))
        for _ in range(random.randrange(4, 12)):
            yield


def sawtooth(kept):
    """Grows for some minutes and collects."""
    while True:
        garbage = []
        for _ in range(random.randrange(10, 24)):
            garbage.append(pages(MIB))
            yield


def leak_under_sawtooth(kept):
    teeth = sawtooth(kept)
    while True:
        kept.append(pages(MIB // 8))
        next(teeth)
        yield


def cache(kept):
    """Half as much again, of which half is there after half an hour, and then no more."""
    size, full = 0, 32 * MIB
    while True:
        more = (full - size) // 87
        if more >= PAGE:
            kept.append(pages(more))
            size += more
        yield


def step(kept):
    """One more buffer after four hours."""
    for _ in range(480):
        yield
    kept.append(pages(24 * MIB))
    while True:
        yield


def fragments(kept):
    """Allocates many small pieces and frees every second one, again and again."""
    while True:
        pieces = [malloc(random.randrange(64, 4096)) for _ in range(4000)]
        for piece in pieces[::2]:
            libc.free(piece)
        yield
        for piece in pieces[1::2]:
            libc.free(piece)
        yield


def collector(kept):
    """Circles of objects that only Python's own collector finds."""
    gc.set_threshold(20_000, 5, 5)
    while True:
        for _ in range(300):
            circle = [bytearray(2000)]
            circle.append(circle)
        yield


def exponential(kept):
    """What has leaked doubles every two hours."""
    leaked = 2.0 * MIB
    while True:
        more = leaked * (2 ** (1 / 240) - 1)
        leaked += more
        kept.append(pages(int(more)))
        yield


def busy(kept):
    """Files and children that come and go, as those of a recorder that cuts clips."""
    files, children = [], []
    while True:
        files[random.randrange(4):] = [open("/dev/null") for _ in range(random.randrange(12))]
        if random.random() < 0.3:
            children.append(subprocess.Popen(["sleep", "3600"]))
        while len(children) > 4 or children and random.random() < 0.3:
            gone = children.pop(0)
            gone.kill()
            gone.wait()
        yield


def leak_files(kept):
    """A file every two minutes that nobody closes, beside what comes and goes."""
    work, lost = busy(kept), []
    while True:
        lost.append(open("/dev/null"))
        for _ in range(4):
            next(work)
            yield


def leak_children(kept):
    """A child every ten minutes that nobody ends, beside what comes and goes."""
    work, lost = busy(kept), []
    while True:
        lost.append(subprocess.Popen(["sleep", "3600"]))
        for _ in range(20):
            next(work)
            yield


SHAPES = {shape.__name__: shape for shape in (
    steady, leak, leak_small, leak_by_chunks, sawtooth, leak_under_sawtooth, cache, step,
    fragments, collector, exponential, busy, leak_files, leak_children)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--pace", type=float, help="seconds a tick; do not wait for lines")
    options = parser.parse_args()
    kept = [pages(64 * MIB)]
    ticks = SHAPES[options.shape](kept)
    if options.pace:
        while True:
            next(ticks)
            time.sleep(options.pace)
    for _ in sys.stdin:
        next(ticks)
        print(PAGE, flush=True)


if __name__ == "__main__":
    main()
