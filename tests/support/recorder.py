#!/usr/bin/python3
"""A recorder that misbehaves on order.

Prints one JSON line with its pid, and with the port of its metrics if --metrics is given, then
takes orders on its standard input, one a line:

  hold N     hold N KiB more, touched
  drop       give all of it back
  leak N     hold N KiB more every second, from now on
  work       touch all that is held, again and again, from now on
  files N    open N files
  threads N  start N threads that wait
  child N    start a child that holds N KiB
  exit       end

Ends with its standard input.
"""

import http.server
import json
import mmap
import os
import subprocess
import sys
import threading
import time

held, files, children = [], [], []


def hold(kib):
    """Memory of its own, in RAM: a mapping that nothing else gives away or keeps."""
    memory = mmap.mmap(-1, kib * 1024, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Page by page: a huge one would be a single fault.
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, kib * 1024, 4096):
        memory[page] = 1
    held.append(memory)


def leak(kib):
    began, count = time.monotonic(), 0
    while True:
        count += 1
        hold(kib)
        time.sleep(max(0.0, began + count - time.monotonic()))


def work():
    while True:
        for memory in list(held):
            for page in range(0, len(memory), 4096):
                memory[page] = 1
        time.sleep(0.01)


class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = (
            "# TYPE go_goroutines gauge\ngo_goroutines 42\n"
            "go_memstats_heap_alloc_bytes 1048576\ngo_memstats_heap_inuse_bytes 1048576\n"
            "go_memstats_heap_idle_bytes 1048576\ngo_memstats_gc_cpu_fraction 0.01\n"
        ).encode()
        if self.path == "/others":
            text = b"process_resident_memory_bytes 5\n"
        self.send_response(200 if self.path in ("/metrics", "/others") else 404)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def main():
    about = {"pid": os.getpid()}
    if "--metrics" in sys.argv:
        server = http.server.HTTPServer(("127.0.0.1", 0), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        about["port"] = server.server_port
    if "--hold" in sys.argv:
        hold(int(sys.argv[sys.argv.index("--hold") + 1]))
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        order, *number = line.split()
        number = int(number[0]) if number else 0
        if order == "hold":
            hold(number)
        elif order == "drop":
            held.clear()
        elif order == "files":
            files.extend(open(os.devnull) for _ in range(number))
        elif order == "threads":
            for _ in range(number):
                threading.Thread(target=threading.Event().wait, daemon=True).start()
        elif order in ("leak", "work"):
            what, given = (leak, (number,)) if order == "leak" else (work, ())
            threading.Thread(target=what, args=given, daemon=True).start()
        elif order == "child":
            command = ["/usr/bin/python3", __file__, "--hold", str(number)]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            child.stdout.readline()
            children.append(child)
        elif order == "exit":
            break
        print("done", flush=True)


main()
