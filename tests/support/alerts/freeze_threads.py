#!/usr/bin/python3
"""Stops the threads of a process whose name is given, and only those, until its standard input
ends: freeze_threads.py PID NAME. Prints how many it stopped. What it needs is the right to trace
the process; without that it says so and exits with 3."""

import ctypes
import os
import sys
import time

SEIZE, INTERRUPT = 0x4206, 0x4207


def main():
    pid, name = int(sys.argv[1]), sys.argv[2]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    stopped = 0
    for thread in map(int, os.listdir(f"/proc/{pid}/task")):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as comm:
            if comm.read().strip() != name:
                continue
        for request in (SEIZE, INTERRUPT):
            if libc.ptrace(request, thread, None, None) != 0:
                print(os.strerror(ctypes.get_errno()), flush=True)
                sys.exit(3)
        stopped += 1
    time.sleep(0.1)
    print(stopped, flush=True)
    sys.stdin.read()


main()
