"""Runs in the machine of scripts/systemd-check: the parts that its content names, and their sum."""

import importlib
import time
import traceback

import looking


def main():
    kernel = looking.read("/proc/sys/kernel/osrelease").strip()
    systemd = looking.must("systemctl", "--version").splitlines()[0]
    print(f"Debian {looking.read('/etc/debian_version').strip()}, Linux {kernel}, {systemd}", flush=True)
    looking.check("control groups are of version 2 alone", "cgroup2" in looking.must("stat", "-fc", "%T", "/sys/fs/cgroup"))
    parts = looking.read("/check/parts").split()
    for part in ["package"] + [part for part in parts if part != "package"]:
        print(f"-- {part}", flush=True)
        began = time.monotonic()
        try:
            importlib.import_module(part).main()
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc()
            looking.check(f"{part} is tried to its end", False, f"{type(error).__name__}: {error}")
        looking.note(f"{part}: {time.monotonic() - began:.0f} s")
    if looking.counts["FAIL"]:
        print("-- the journal", flush=True)
        print(looking.run("journalctl", "--no-pager", "-n", "150", "-o", "short-monotonic")[1][-12000:], flush=True)
    print(f"{looking.counts['pass']} passed, {looking.counts['FAIL']} failed", flush=True)


main()
