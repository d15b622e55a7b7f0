"""The package's end: what goes, and what docs/install.md says stays."""

import pwd
from pathlib import Path

from looking import CONFIG, UNIT, check, run, show


def main():
    status, said = run("apt-get", "remove", "-y", "audio-capture-exporter")
    check("apt-get remove stops it", status == 0 and show("ActiveState") == "inactive", "" if status == 0 else said)
    check("and keeps the configuration", CONFIG.exists() and not Path("/usr/bin/audio-capture-exporter").exists())
    status, said = run("apt-get", "purge", "-y", "audio-capture-exporter")
    check("apt-get purge does not", status == 0 and not CONFIG.exists(), "" if status == 0 else said)
    check("what was put beside it stays", (CONFIG.parent / "garden").exists())
    check("and what the service kept", Path("/var/lib/audio-capture-exporter/history.db").exists())
    check("so does the user", pwd.getpwnam("audio-capture-exporter"))
    check("nothing of it is left in systemd", run("systemctl", "list-unit-files", UNIT)[1].startswith("UNIT FILE STATE PRESET\n\n0"), "")
