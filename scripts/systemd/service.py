"""The service: reload, watchdog, restart on failure, stop, credentials, a socket that systemd holds, its limits."""

import json
import os
import signal
import time
from pathlib import Path

from looking import (
    CONFIG, PATIENCE, UNIT, check, drop_in, get, journal, main_pid, metric, must, now, process, read, run, serves, show, until,
)

RELOADED = "audio_capture_exporter_config_last_reload_successful"
SOCKET = UNIT.replace(".service", ".socket")


def reload():
    good = CONFIG.read_text(encoding="utf-8")
    pid = main_pid()
    CONFIG.write_text(good.replace("watch:\n", "watch:\n  - { name: init, pid: 1 }\n"), encoding="utf-8")
    must("systemctl", "reload", UNIT)
    check("systemctl reload takes a new watch in", until(lambda: metric("myaudio_process_up", process="init") == 1))
    CONFIG.write_text(good.replace("watch:", "wach:"), encoding="utf-8")
    since = now()
    must("systemctl", "reload", UNIT)
    check("a mistake changes nothing and is told by a metric", until(lambda: metric(RELOADED) == 0)
          and metric("myaudio_process_up", process="init") == 1 and main_pid() == pid)
    told = next((line for line in journal(since=since).splitlines() if "wach" in line), "")
    check("and in the journal", told, told)
    CONFIG.write_text(good, encoding="utf-8")
    must("systemctl", "reload", UNIT)
    check("the next one without it counts", until(lambda: metric(RELOADED) == 1 and metric("myaudio_process_up", process="init") is None))


def state():
    told = until(lambda: json.loads(get("/api/v1/history"))["state"] == "writing", 30)
    check("what docs/history.md names is kept", told, "" if told else json.loads(get("/api/v1/history"))["problem"])
    kept = Path("/var/lib/audio-capture-exporter/history.db")
    check("in a directory of its own", until(kept.exists, 20) and kept.parent.resolve().stat().st_mode & 0o077 == 0,
          f"{kept.parent.resolve()} {oct(kept.parent.resolve().stat().st_mode & 0o777)}" if kept.exists() else "")
    check("and alarms beside it", until(kept.with_name("alarms.json").exists, 20))


def watchdog():
    """One that hangs is restarted; faster than the unit says, to be here within a minute."""
    check("the unit's watchdog waits for a minute", show("WatchdogUSec") == "1min")
    drop_in("fast", "WatchdogSec=8s\nTimeoutAbortSec=2s\nRestartSec=1s")
    must("systemctl", "restart", UNIT)
    pid = main_pid()
    time.sleep(20)
    check("signs of life keep it running for longer than it may be silent", main_pid() == pid)
    since = now()
    os.kill(pid, signal.SIGSTOP)
    check("one that hangs is restarted", until(lambda: main_pid() not in (0, pid) and serves()), f"restarts: {show('NRestarts')}")
    check("and the journal says that it was the watchdog", "Watchdog timeout" in journal(since=since))


def failure():
    before, pid = int(show("NRestarts")), main_pid()
    os.kill(pid, signal.SIGKILL)
    check("one that is killed is restarted", until(lambda: main_pid() not in (0, pid) and serves() and int(show("NRestarts")) == before + 1))
    drop_in("fast", None)


def stop():
    must("systemctl", "restart", UNIT)
    until(lambda: metric("myaudio_source_up", source="garden") == 0)
    began = time.monotonic()
    must("systemctl", "stop", UNIT)
    took = time.monotonic() - began
    check("a stop is soon over, and no failure", took < 10 and show("Result") == "success" and show("ExecMainStatus") == "0",
          f"{took:.1f} s of {show('TimeoutStopUSec')}")
    must("systemctl", "start", UNIT)


def credentials():
    """As the unit's comment says, of a file that only root can read."""
    secret = Path("/etc/audio-capture-exporter/garden")
    owner, good = secret.stat(), CONFIG.read_text(encoding="utf-8")
    os.chown(secret, 0, 0)
    os.chmod(secret, 0o600)
    status, _ = run("systemctl", "restart", UNIT)
    told = next((line for line in reversed(journal().splitlines()) if "password_file" in line), "")
    check("what it may not read is told at the start", status != 0 and "garden" in told, told)
    drop_in("credentials", "LoadCredential=garden:/etc/audio-capture-exporter/garden")
    CONFIG.write_text(good.replace(str(secret), "/run/credentials/audio-capture-exporter.service/garden"), encoding="utf-8")
    status, said = run("systemctl", "restart", UNIT)
    check("LoadCredential hands it over", status == 0 and serves(), said)
    drop_in("credentials", None)
    CONFIG.write_text(good, encoding="utf-8")
    os.chown(secret, 0, owner.st_gid)
    os.chmod(secret, 0o640)
    must("systemctl", "restart", UNIT)


def socket():
    """As the socket unit's comment says."""
    must("systemctl", "stop", UNIT)
    drop_in("socket", "ExecStart=\nExecStart=/usr/bin/audio-capture-exporter --web.systemd-socket "
            f"--config.file={CONFIG}")
    must("systemctl", "enable", "--now", SOCKET)
    check("systemd listens before anything runs", show("ActiveState") == "inactive")
    check("the first client is waited for by nobody and served", get("/-/healthy", timeout=PATIENCE) and show("ActiveState") == "active")
    run("systemctl", "restart", "--no-block", UNIT)
    answered = [bool(get("/-/healthy", timeout=PATIENCE)) for _ in range(10)]
    check("nobody is refused while it restarts", all(answered) and until(lambda: show("ActiveState") == "active"))
    # It only goes when both do.
    must("systemctl", "disable", "--now", SOCKET)
    must("systemctl", "stop", UNIT)
    drop_in("socket", None)
    must("systemctl", "start", UNIT)
    check("and without the socket it listens itself", serves())


def limits():
    """The unit's `MemoryMax` is above what this machine has; a drop-in's is not."""
    total = 1024 * int(read("/proc/meminfo").split()[1])
    limit = until(lambda: metric("myaudio_memory_limit_bytes", process="self"))
    check("its own limit is the machine's memory", limit == min(total, 2 << 30), f"{limit:.0f} bytes")
    drop_in("limit", "MemoryMax=96M")
    must("systemctl", "restart", UNIT)
    limit = until(lambda: metric("myaudio_memory_limit_bytes", process="self"))
    check("or MemoryMax, where that is less", limit == 96 << 20, f"{limit:.0f} bytes")
    budget = json.loads(get("/api/v1/allocations"))["budget"]["limit_bytes"]
    check("of which buffers may take a quarter", budget == 24 << 20, f"{budget} bytes")
    ours = process("self")["reading"]
    held = int(show("MemoryCurrent"))
    check("in which it stays", ours["resident_bytes"] < 96 << 20,
          f"{ours['resident_bytes'] / 2**20:.1f} MiB resident, {held / 2**20:.1f} MiB in its group")
    drop_in("limit", None)
    must("systemctl", "restart", UNIT)
    check("it serves again", serves())


def main():
    reload()
    state()
    watchdog()
    failure()
    stop()
    credentials()
    socket()
    limits()
