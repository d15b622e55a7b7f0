"""A recorder as a unit, of another user: who is found, and what is told of it beside what the kernel tells."""

import json
import os
from pathlib import Path

import unit
from looking import (
    UNIT, check, descendants, drop_in, field, get, group, journal, main_pid, metric, must, near, now, process, read, run,
    serves, show, summed, until,
)

NAME = "recorder"
TICKS = os.sysconf("SC_CLK_TCK")


def restarts():
    return metric("myaudio_process_restarts_total", process=NAME)


def start_time(pid):
    """Unix seconds, of the kernel's own figures."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return field("/proc/stat", "btime") + int(fields[19]) / TICKS


def same():
    """Every figure of a tree of three processes."""
    pid = unit.start(MemoryMax="200M")
    unit.order("hold 20480")
    unit.order("child 10240")
    unit.order("child 10240")
    unit.order("threads 3")
    until(lambda: metric("myaudio_process_count", process=NAME) == 3)
    unit.settle()
    told, family = process(NAME), descendants(pid)
    reading = told["reading"]
    check("the unit's process is found, of another user", told["pids"] == [pid] and told["up"], f"{told['pids']} {pid}")
    check("with its children", reading["processes"] == len(family) == 3)
    for figure, name in (("resident_bytes", "VmRSS"), ("anonymous_bytes", "RssAnon"), ("file_bytes", "RssFile"), ("swap_bytes", "VmSwap")):
        kernel = summed(pid, name)
        check(f"{figure} is the sum of {name}", reading[figure] == kernel, f"{reading[figure]} and {kernel}")
    held = field(group(unit.UNIT) / "memory.stat", "anon")
    check("anonymous_bytes is near `anon` of memory.stat", near(reading["anonymous_bytes"], held, 0.02), f"{reading['anonymous_bytes']} and {held}")
    threads = sum(field(f"/proc/{one}/status", "Threads") for one in family)
    check("threads", reading["threads"] == threads, threads)
    limit = int(read(group(unit.UNIT) / "memory.max"))
    check("the limit is memory.max", reading["limit_bytes"] == limit, limit)
    started = metric("myaudio_process_start_time_seconds", process=NAME)
    check("its start", abs(started - start_time(pid)) < 0.02, f"{started:.2f} and {start_time(pid):.2f}")
    total = sum(1024 * field(f"/proc/{one}/smaps_rollup", "Rss") for one in family)
    check("and smaps_rollup, which root may read, agrees", near(reading["resident_bytes"], total, 0.05), f"{reading['resident_bytes']} and {total}")


def used():
    """CPU time and page faults of a known amount of work."""
    pid = main_pid(unit.UNIT)

    def kernel():
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[7])

    def told():
        unit.settle()
        seen = process(NAME)
        return seen["cpu_seconds"], seen["minor_page_faults"]

    (cpu, faults), (own_cpu, own_faults) = kernel(), told()
    unit.order("hold 32768")
    (cpu_after, faults_after), (own_cpu_after, own_faults_after) = kernel(), told()
    pages = 32768 // 4
    check("32 MiB that are touched are at least 8192 minor faults", own_faults_after - own_faults >= pages, own_faults_after - own_faults)
    check("as many as the kernel counts", near(own_faults_after - own_faults, faults_after - faults, 0.01),
          f"{own_faults_after - own_faults} and {faults_after - faults}")
    check("and as much CPU time", abs((own_cpu_after - own_cpu) - (cpu_after - cpu)) < 0.15,
          f"{own_cpu_after - own_cpu:.2f} s and {cpu_after - cpu:.2f} s")


def anew():
    """Restarts by systemd, by hand and because it failed."""
    before, pid = restarts(), main_pid(unit.UNIT)
    must("systemctl", "restart", unit.UNIT)
    until(lambda: process(NAME)["pids"] == [main_pid(unit.UNIT)] != [pid])
    check("systemctl restart is one restart", restarts() == before + 1, restarts())
    pid = main_pid(unit.UNIT)
    must("kill", "-KILL", str(pid))
    until(lambda: process(NAME)["pids"] not in ([], [pid]) and process(NAME)["pids"] == [main_pid(unit.UNIT)])
    check("one that is killed and started by systemd is another", restarts() == before + 2, restarts())
    check("and its judgement begins anew", process(NAME)["verdict"]["samples"] < 30)
    must("systemctl", "stop", unit.UNIT)
    check("one that is stopped is down", until(lambda: metric("myaudio_process_up", process=NAME) == 0)
          and metric("myaudio_process_count", process=NAME) == 0 and metric("myaudio_memory_resident_bytes", process=NAME) is None,
          process(NAME)["problem"]["problem"])
    must("systemctl", "start", unit.UNIT)
    check("and up within 5 s when it runs again", until(lambda: metric("myaudio_process_up", process=NAME) == 1, 15))


def may(*capabilities):
    """Restarts the exporter with these in a drop-in, and returns what it tells then."""
    names = " ".join(capabilities)
    drop_in("capabilities", f"CapabilityBoundingSet={names}\nAmbientCapabilities={names}" if names else None)
    must("systemctl", "restart", UNIT)
    return until(lambda: process(NAME)["reading"] and process(NAME))


def unshared():
    return process(NAME, "/api/v1/memory/analyze", "POST")["in_depth"]["unshared_bytes"]


def rights():
    """What a service without capabilities may not read, and what docs/processes.md says to do."""
    pid = main_pid(unit.UNIT)
    until(lambda: "pid" in unit.SAID.read_text(encoding="utf-8"))
    files, told = len(list(Path(f"/proc/{pid}/fd").iterdir())), process(NAME)

    def own_alone():
        rollup = f"/proc/{pid}/smaps_rollup"
        return 1024 * (field(rollup, "Private_Clean") + field(rollup, "Private_Dirty"))

    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 2):
        check("before Linux 6.2 another user's open files are not told, and why", told["reading"]["open_fds"] is None
              and "CAP_DAC_READ_SEARCH" in told["problem"]["problem"], told["problem"] and told["problem"]["problem"])
    else:
        check("another user's open files are told", told["reading"]["open_fds"] == files, files)
    check("nor is what it shares with nobody", unshared() is None)
    may("CAP_SYS_PTRACE")
    check("with CAP_SYS_PTRACE that is", near(unshared(), own_alone(), 0.01), f"{unshared()} and {own_alone()}")
    told = may("CAP_DAC_READ_SEARCH")
    check("with CAP_DAC_READ_SEARCH the open files are", told["reading"]["open_fds"] == files, f"{told['reading']['open_fds']} and {files}")
    may()
    secret = Path("/etc/audio-capture-exporter/garden")
    secret.chmod(0o644)
    drop_in("user", "DynamicUser=no\nUser=daemon")
    must("systemctl", "restart", UNIT)
    told = until(lambda: process(NAME)["reading"] and process(NAME))
    check("the recorder's user may read both", told["reading"]["open_fds"] == files and near(unshared(), own_alone(), 0.01),
          f"{told['reading']['open_fds']} files, {unshared()} bytes")
    drop_in("user", None)
    secret.chmod(0o640)


def hidden():
    """The unit has a `/proc` of its own; one in which the processes of others are hidden is told."""
    must("mount", "-o", "remount,hidepid=invisible", "/proc")
    try:
        must("systemctl", "restart", UNIT)
        check("where the machine's /proc hides processes, the unit sees them still", until(lambda: metric("myaudio_process_up", process=NAME) == 1))
    finally:
        must("mount", "-o", "remount,hidepid=off", "/proc")
    drop_in("hide", "ProtectProc=invisible")
    since = now()
    must("systemctl", "restart", UNIT)
    told = until(lambda: process(NAME)["problem"] and process(NAME))
    check("with ProtectProc=invisible the process is hidden, which is said", not told["up"] and told["problem"]["reason"] == "hidden", told["problem"]["problem"])
    check("in the journal too", "ProtectProc=default" in journal(since=since))
    check("CAP_SYS_PTRACE sees it", may("CAP_SYS_PTRACE")["up"])
    drop_in("capabilities", None)
    drop_in("hide", None)
    must("systemctl", "restart", UNIT)
    check("and all is as before", serves() and until(lambda: metric("myaudio_process_up", process=NAME) == 1))


def main():
    same()
    used()
    anew()
    rights()
    hidden()
