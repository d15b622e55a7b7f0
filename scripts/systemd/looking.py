"""What all parts share: checks and their count, commands, units, and what the exporter and the kernel say."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

UNIT = "audio-capture-exporter.service"
CONFIG = Path("/etc/audio-capture-exporter/config.yaml")
ADDRESS = "http://127.0.0.1:10480"
# An emulated processor is slow.
PATIENCE = 90.0

counts = {"pass": 0, "FAIL": 0}


def check(what, held, seen=""):
    """A line of the result."""
    verdict = "pass" if held else "FAIL"
    counts[verdict] += 1
    print(f"{verdict}  {what}" + (f": {seen}" if seen != "" else ""), flush=True)
    return bool(held)


def note(text):
    print(f"      {text}", flush=True)


def near(a, b, share):
    """Whether two figures differ by at most this share of the greater one."""
    return abs(a - b) <= share * max(abs(a), abs(b))


def until(condition, seconds=PATIENCE):
    """What the condition becomes, as soon as it is true, or at the end of the time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            became = condition()
        except (OSError, KeyError, StopIteration, ValueError) as error:
            became = None
            if time.monotonic() > deadline:
                note(f"{type(error).__name__}: {error}")
        if became or time.monotonic() > deadline:
            return became
        time.sleep(0.2)


def run(*command, timeout=300):
    """The status, and all that was said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def must(*command):
    status, said = run(*command)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: {status}: {said}")
    return said


# ---- Units ------------------------------------------------------------------------------


def show(name, unit=UNIT):
    return must("systemctl", "show", "--value", "-p", name, unit)


def main_pid(unit=UNIT):
    return int(show("MainPID", unit))


def journal(unit=UNIT, since=None):
    return run("journalctl", "--no-pager", "-o", "cat", "-u", unit, *(["--since", since] if since else []))[1]


def now():
    """For `journal`; a second earlier, as it has no fractions."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 1))


def drop_in(name, text, unit=UNIT):
    """Puts a drop-in beside the unit, or takes it away."""
    path = Path(f"/etc/systemd/system/{unit}.d/{name}.conf")
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"[Service]\n{text}\n", encoding="utf-8")
    must("systemctl", "daemon-reload")


# ---- The exporter -----------------------------------------------------------------------


def get(path, method="GET", timeout=30):
    request = urllib.request.Request(ADDRESS + path, method=method)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read().decode()


def serves():
    return until(lambda: get("/-/healthy"))


def metric(name, text=None, **labels):
    """The value of the one series with these labels; None where there is none."""
    found = []
    for line in (text or get("/metrics")).splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name:
            has = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if labels.items() <= has.items():
                found.append(float(match[3]))
    if len(found) > 1:
        raise KeyError(f"{name}{labels}: {found}")
    return found[0] if found else None


def process(name, path="/api/v1/memory/status", method="GET"):
    """What the exporter tells of a watched process."""
    told = json.loads(get(f"{path}?process={name}", method))
    return next(one for one in told["processes"] if one["name"] == name)


# ---- The kernel -------------------------------------------------------------------------


def read(path):
    return Path(path).read_text(encoding="utf-8")


def field(path, name):
    """The first number behind a name in a file of names and numbers."""
    return int(re.search(rf"^{name}[:\s]\s*(\d+)", read(path), re.MULTILINE)[1])


def group(unit):
    """A unit's directory of control groups."""
    return Path("/sys/fs/cgroup" + show("ControlGroup", unit))


def stalled(folder):
    """Seconds for which somebody in the group has waited for memory."""
    return int(re.search(r"some .*total=(\d+)", read(folder / "memory.pressure"))[1]) / 1e6


def faults(pid):
    """Minor and major page faults of a process."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[7]), int(fields[9])


def descendants(pid):
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def summed(pid, name):
    """A figure of `status`, in KiB there, of a tree of processes, in bytes."""
    return 1024 * sum(field(f"/proc/{one}/status", name) for one in descendants(pid))
