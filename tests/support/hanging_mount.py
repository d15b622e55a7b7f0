#!/usr/bin/python3
"""Mounts a file system that never answers on a directory: whoever looks into it waits until he is killed.

It is a FUSE file system whose requests nobody reads. Ends with the process that started it.
"""

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
requests = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={requests},rootmode=40000,user_id=0,group_id=0,allow_other"
if libc.mount(b"hanging", os.fsencode(sys.argv[1]), b"fuse", 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
time.sleep(3600)
