"""The package, as docs/install.md says: what it puts where, and what starts when."""

import os
import pwd

from looking import ADDRESS, CONFIG, UNIT, check, journal, main_pid, must, note, read, run, serves, show, until

# What the parts that follow need: a password that only the service's group may read, a watched unit, and
# figures every second.
CONFIGURATION = """\
sources:
  - { name: garden, url: "rtsp://127.0.0.1:1/x", username: u, password_file: /etc/audio-capture-exporter/garden }
watch:
  - { name: recorder, systemd: recorder.service }
memory: { sample_interval: 1s, analysis_interval: 2s, baseline_after: 5s }
history: { path: /var/lib/audio-capture-exporter/history.db }
alarms: { state_file: /var/lib/audio-capture-exporter/alarms.json }
"""


def main():
    status, said = run("apt-get", "install", "-y", "/check/package.deb")
    check("apt-get installs it", status == 0, next((line for line in said.splitlines() if line.startswith("Setting up")), said))
    check("it neither runs nor will by itself", run("systemctl", "is-active", UNIT)[1] == "inactive"
          and run("systemctl", "is-enabled", UNIT)[1] == "disabled")
    user = pwd.getpwnam("audio-capture-exporter")
    check("its user is there", user.pw_uid < 1000 and user.pw_shell.endswith("nologin"), f"number {user.pw_uid}")

    status, said = run("systemd-analyze", "verify", "--man=no", UNIT, "audio-capture-exporter.socket")
    check("systemd-analyze verify finds nothing", status == 0 and not said, said)
    status, said = run("systemd-analyze", "security", "--no-pager", "--threshold=20", UNIT)
    check("systemd-analyze security", status == 0, said.splitlines()[-1])

    status, said = run("systemctl", "start", UNIT)
    check("with nothing to watch it does not start", status != 0)
    told = until(lambda: [line for line in journal().splitlines() if "no source to watch" in line], 20)
    check("and the journal says what is missing, and where", told and str(CONFIG) in told[0], told and told[0])
    must("systemctl", "stop", UNIT)

    run("sh", "-c", "echo secret | install -m 640 -g audio-capture-exporter /dev/stdin /etc/audio-capture-exporter/garden")
    CONFIG.write_text(CONFIGURATION, encoding="utf-8")
    status, said = run("audio-capture-exporter", "--config.check", f"--config.file={CONFIG}")
    check("--config.check", status == 0, said.splitlines()[-1] if said else "")
    status, said = run("systemctl", "enable", "--now", UNIT)
    # Type=notify: the start is over when it serves.
    check("systemctl enable --now", status == 0 and show("ActiveState") == "active")
    check("it serves at once", until(serves, 3), ADDRESS)
    check("systemctl status tells what it does", "added" in show("StatusText"), show("StatusText"))
    pid = main_pid()
    status = read(f"/proc/{pid}/status")
    seen = {line.split(":")[0]: line.split(":")[1].split() for line in status.splitlines()}
    check("it runs as its user", seen["Uid"] == [str(user.pw_uid)] * 4, seen["Uid"][0])
    check("without capabilities, new privileges or all system calls", int(seen["CapEff"][0], 16) == 0
          and int(seen["CapBnd"][0], 16) == 0 and seen["NoNewPrivs"] == ["1"] and seen["Seccomp"] == ["2"])
    note(f"memory after the start: {int(show('MemoryCurrent')) >> 20} MiB; pid {pid}, load {os.getloadavg()[0]:.1f}")
