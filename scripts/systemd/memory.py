"""Swap, pressure, limits and kills that are real, each held against the kernel's own files."""

import json
import time

import unit
from looking import (
    check, faults, field, get, group, journal, main_pid, metric, near, note, now as clock, process, read, stalled, summed, until,
)

NAME = "recorder"
MIB = 1 << 20


def seen(condition, seconds=90):
    """What the exporter tells, as soon as it is like that."""

    def told():
        document = process(NAME)
        return document if document["reading"] and condition(document) else None

    return until(told, seconds) or process(NAME)


def alarms():
    told = json.loads(get(f"/api/v1/alarms?process={NAME}"))["alarms"]
    return {(one["type"], one["aspect"], one["state"]) for one in told}


def swap():
    pid = unit.start(MemoryMax="400M")
    unit.order("hold 102400")
    unit.settle()
    before = process(NAME)["reading"]
    folder = group(unit.UNIT)
    # The kernel is asked for it, as it would have asked itself for want of memory.
    try:
        (folder / "memory.reclaim").write_text("64M", encoding="utf-8")
    except OSError as error:
        note(f"memory.reclaim: {error}")
    unit.settle()
    reading = process(NAME)["reading"]
    kernel, charged = summed(pid, "VmSwap"), int(read(folder / "memory.swap.current"))
    check("swap is used", kernel > 40 * MIB, f"{kernel / MIB:.1f} MiB")
    check("swap_bytes is VmSwap", reading["swap_bytes"] == kernel, f"{reading['swap_bytes']} and {kernel}")
    check("and near memory.swap.current", near(reading["swap_bytes"], charged, 0.03), charged)
    held = [figures["resident_bytes"] + figures["swap_bytes"] for figures in (before, reading)]
    check("what is swapped out is still held", near(*held, 0.05), " and ".join(f"{bytes / MIB:.1f} MiB" for bytes in held))
    told, counted = process(NAME), faults(pid)
    unit.order("work")
    swapped_in = seen(lambda now: now["reading"]["swap_bytes"] < kernel // 4)
    unit.settle()
    told_major = process(NAME)["major_page_faults"] - told["major_page_faults"]
    major = faults(pid)[1] - counted[1]
    check("reading it back is major page faults, as many as the kernel counts", major > 100 and near(told_major, major, 0.02), f"{told_major} and {major}")
    check("and no growth", swapped_in["verdict"]["pattern"] not in ("linear", "exponential", "leak", "spike"), swapped_in["verdict"]["pattern"])


def pressure():
    """A recorder that works on half as much again as it may have without being slowed down."""
    unit.start(MemoryHigh="80M", MemoryMax="300M")
    folder = group(unit.UNIT)
    quiet = seen(lambda now: now["reading"]["pressure_ratio"] is not None)["reading"]["pressure_ratio"]
    check("no pressure at rest", quiet < 0.01, quiet)
    unit.order("hold 122880")
    unit.order("work")
    seen(lambda now: now["reading"]["pressure_ratio"] > 0.05)
    began, before, ratios, read_at = time.monotonic(), stalled(folder), [], set()
    while time.monotonic() < began + 20:
        reading = process(NAME)["reading"]
        if reading["read_at"] not in read_at:
            read_at.add(reading["read_at"])
            ratios.append(reading["pressure_ratio"])
        time.sleep(0.3)
    kernel = (stalled(folder) - before) / (time.monotonic() - began)
    told = sum(ratios) / len(ratios)
    check("the pressure is that of its group", kernel > 0.05 and abs(told - kernel) < 0.07, f"{told:.3f} in {len(ratios)} samples, {kernel:.3f} by memory.pressure")
    whole = stalled_of_all()
    note(f"on the whole machine so far {whole:.1f} s, in the group {stalled(folder):.1f} s")
    crossed = {one["threshold"] for one in process(NAME)["crossings"]}
    check("it is over its threshold", "pressure" in crossed, sorted(crossed))
    fired = until(lambda: next((one for one in alarms() if one[:2] == ("memory_threshold", "pressure") and one[2] == "firing"), None), 120)
    check("and an alarm after a minute of it", fired, fired or sorted(map(str, alarms())))
    told = [one["level"] for one in json.loads(get("/api/v1/status"))["reasons"] if one["subject"] == NAME]
    check("and the status says that something is wrong with it", told, told)


def stalled_of_all():
    return int(read("/proc/pressure/memory").split("total=")[1].split()[0]) / 1e6


def limit():
    """A mebibyte a second until the kernel kills it: when that is, is told before."""
    pid = unit.start(MemoryMax="160M", MemorySwapMax="0")
    kills, restarts = metric("myaudio_process_oom_kills_total", process=NAME), metric("myaudio_process_restarts_total", process=NAME)
    since = clock()
    unit.order("leak 1024")
    told = seen(lambda now: now["reading"]["resident_bytes"] > 60 * MIB and now["verdict"] and now["verdict"]["seconds_to_limit"])
    at, seconds = time.monotonic(), told["verdict"]["seconds_to_limit"]
    folder = group(unit.UNIT)
    current, most = int(read(folder / "memory.current")), int(read(folder / "memory.max"))
    check("a leak of 1 MiB a second is told as that", near(told["verdict"]["slope_bytes_per_second"], MIB, 0.1), f"{told['verdict']['slope_bytes_per_second'] / MIB:.3f} MiB/s")
    check("as critical, with the time that is left", told["verdict"]["severity"] == "critical", told["verdict"]["recommendation"])
    check("the limit is memory.max", told["reading"]["limit_bytes"] == most, most)
    note(f"memory.current {current / MIB:.1f} MiB, resident {told['reading']['resident_bytes'] / MIB:.1f} MiB")
    until(lambda: main_pid(unit.UNIT) != pid, 240)
    took = time.monotonic() - at
    log = journal(unit.UNIT, since)
    check("it is killed when that was foretold", near(took, seconds, 0.15), f"{seconds:.0f} s were told, {took:.0f} s it took")
    check("for want of memory", "oom-kill" in log)
    until(lambda: metric("myaudio_process_restarts_total", process=NAME) == restarts + 1)
    unit.settle()
    check("the restart is counted", metric("myaudio_process_restarts_total", process=NAME) == restarts + 1)
    now = metric("myaudio_process_oom_kills_total", process=NAME)
    check("and that it was for want of memory", now == (kills or 0) + 1, f"{kills} before, {now} after")


def child():
    """A child that is killed while its parent goes on."""
    pid = unit.start(MemoryMax="120M", MemorySwapMax="0", OOMPolicy="continue")
    seen(lambda now: now["pids"] == [pid])
    kills = metric("myaudio_process_oom_kills_total", process=NAME)
    # Answered when the child has either come or gone.
    unit.order("child 163840")
    unit.settle()
    after = metric("myaudio_process_oom_kills_total", process=NAME)
    check("a child that is killed for want of memory is counted", after == kills + 1 == kills + field(group(unit.UNIT) / "memory.events", "oom_kill"), f"{kills} before, {after} after")
    check("and its parent is the same", process(NAME)["pids"] == [pid] and process(NAME)["reading"]["processes"] == 1)


def main():
    swap()
    pressure()
    limit()
    child()
