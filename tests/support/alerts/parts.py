"""What runs beside: servers, processes and who is told."""

import http.server
import json
import os
import select
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1]
running = []


class Part:
    """A process that ends with the test; what it prints is kept."""

    def __init__(self, *command, read=True, **options):
        command = [str(word) for word in command]
        self.lines = []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if read else subprocess.PIPE, text=True, **options)
        running.append(self)
        if read:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, found, within=30):
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for line in list(self.lines):
                result = found(line)
                if result is not None:
                    return result
            if self.process.poll() is not None:
                time.sleep(0.2)
                raise SystemExit(f"{self.process.args} ended: " + "\n".join(self.lines))
            time.sleep(0.05)
        raise SystemExit(f"{self.process.args} said only: " + "\n".join(self.lines[-20:]))

    def port(self):
        return self.wait_for(lambda line: json.loads(line)["port"] if '"port"' in line else None)

    def order(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def end_all():
    for part in reversed(running):
        part.end()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, holds, within=30):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.1)
    raise SystemExit(f"not within {within} s: {what}")


def get(url, data=None, kind="application/json", method=None):
    request = urllib.request.Request(url, data=data, method=method)
    if data is not None:
        request.add_header("Content-Type", kind)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def answers(url):
    try:
        get(url)
        return True
    except OSError:
        return False


def exporter(binary, *arguments, listen="127.0.0.1:0", **options):
    """The program, and where it listens once it says so."""
    part = Part(binary, "--web.listen-address", listen, *arguments, **options)
    if options.get("read", True):
        part.address = part.wait_for(
            lambda line: line.split("Look at http")[1].split("://")[1].split("/")[0]
            if "Look at http" in line else None)
    else:
        part.address = listen
        until("it answers", lambda: answers(f"http://{listen}/-/healthy"))
    return part


class Receiver:
    """Takes the Alertmanager's webhooks."""

    def __init__(self):
        self.alerts = []
        self.began = time.monotonic()
        own = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                at = time.monotonic() - own.began
                own.alerts += [(at, self.path, alert) for alert in body["alerts"]]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"

    def told(self, name, status="firing", **labels):
        return [alert for _, _, alert in list(self.alerts)
                if alert["status"] == status and alert["labels"]["alertname"] == name
                and all(alert["labels"].get(key) == value for key, value in labels.items())]


class IdleConnections:
    """Ever more connections that ask for nothing; those that were closed are let go."""

    def __init__(self, address):
        host, port = address.split(":")
        self.address, self.open = (host, int(port)), []

    def more(self, number):
        for _ in range(number):
            try:
                self.open.append(socket.create_connection(self.address, timeout=1))
            except OSError:
                pass

    def hold(self, number):
        gone = select.select(self.open, [], [], 0)[0]
        self.open = [one for one in self.open if one not in gone]
        self.more(number - len(self.open))


def few_descriptors(limit):
    import resource
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def slow_listener(address, path):
    """Asks for a live stream and never reads it."""
    host, port = address.split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((host, int(port)))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    return client


def in_background(work):
    """Again and again until the end."""
    def loop():
        while True:
            try:
                work()
            except (OSError, ValueError):
                pass
            time.sleep(0.05)
    threading.Thread(target=loop, daemon=True).start()


def stop_and_go(pid, halted, going):
    os.kill(pid, 19)
    time.sleep(halted)
    os.kill(pid, 18)
    time.sleep(going)
