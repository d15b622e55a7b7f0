"""A recorder that is a unit of systemd and takes orders: tests/support/recorder.py."""

import time
from pathlib import Path

from looking import drop_in, main_pid, must, show, until

UNIT = "recorder.service"
ORDERS = Path("/run/recorder.orders")
SAID = Path("/run/recorder.said")

# Opened for reading and writing, the FIFO never ends.
SERVICE = f"""\
[Unit]
Description=A recorder
[Service]
User=daemon
ExecStart=/bin/sh -c 'exec /usr/bin/python3 /check/recorder.py <>{ORDERS}'
StandardOutput=truncate:{SAID}
Restart=on-failure
RestartSec=2s
MemoryAccounting=yes
"""


def start(**settings):
    """Anew, with these settings; its process."""
    if not ORDERS.exists():
        must("mkfifo", "--mode=666", str(ORDERS))
        Path(f"/etc/systemd/system/{UNIT}").write_text(SERVICE, encoding="utf-8")
    drop_in("settings", "\n".join(f"{name}={value}" for name, value in settings.items()), UNIT)
    SAID.unlink(missing_ok=True)
    must("systemctl", "restart", UNIT)
    until(lambda: "pid" in SAID.read_text(encoding="utf-8"))
    return main_pid(UNIT)


def order(words, seconds=120):
    """Returns when it has been done."""
    done = SAID.read_text(encoding="utf-8").count("done")
    with ORDERS.open("w", encoding="utf-8") as fifo:
        fifo.write(words + "\n")
    if not until(lambda: SAID.read_text(encoding="utf-8").count("done") > done, seconds):
        raise RuntimeError(f"the recorder has not done: {words}; it is {show('ActiveState', UNIT)}")


def settle():
    """Two samples of the exporter."""
    time.sleep(2.5)
