"""Processes under measurement: started, timed, weighed, and always ended again."""

import ctypes
import os
import resource
import signal
import subprocess
import tempfile
import time

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
# Each TCP session takes descriptors; a benchmark must not stop at the shell's default.
_DESCRIPTORS = 65_536


def raise_descriptor_limit():
    """Lets this process and its children open as many files as the system permits."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _die_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Group:
    """Processes that are started, measured and ended together (a context manager)."""

    def __init__(self):
        self.processes = []
        self._errors = tempfile.TemporaryFile()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + 5
        for process in self.processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self._errors.close()

    def start(self, command, stdout=subprocess.DEVNULL):
        """Starts one process; what it says on standard error is kept for `complaint`."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=self._errors,
            preexec_fn=_die_with_parent,
        )
        self.processes.append(process)
        return process

    def complaint(self):
        """The end of what the processes wrote to standard error, in one line."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return " / ".join(lines[-2:]) or "no message"

    def ended(self):
        """How many of them no longer run."""
        return sum(process.poll() is not None for process in self.processes)

    def cpu_seconds(self):
        """CPU time of all threads that ever ran in them, in seconds.

        The kernel's clock of another process counts nanoseconds of run time, where
        `/proc/PID/stat` counts ticks of 10 ms. Its number is made of the pid
        (`clock_getcpuclockid(3)`).
        """
        return sum(time.clock_gettime((~p.pid << 3) | 2) for p in self.processes)

    def pss_bytes(self):
        """Proportional set size: memory, with what is shared counted in shares."""
        return sum(_field(p.pid, "smaps_rollup", "Pss:") * 1024 for p in self.processes)

    def threads(self):
        """Threads of all processes."""
        return sum(_entries(p.pid, "task") for p in self.processes)

    def descriptors(self):
        """Open files of all processes."""
        return sum(_entries(p.pid, "fd") for p in self.processes)

    def written_bytes(self):
        """Bytes each process handed to `write(2)`, also when they went to /dev/null."""
        return [_field(p.pid, "io", "wchar:") for p in self.processes]


def _entries(pid, folder):
    return len(os.listdir(f"/proc/{pid}/{folder}"))


def _field(pid, file, key):
    with open(f"/proc/{pid}/{file}", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1])
    raise LookupError(f"/proc/{pid}/{file} has no {key}")
