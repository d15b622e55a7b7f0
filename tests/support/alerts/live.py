#!/usr/bin/python3
"""Every alert that a real fault can drive, driven, and delivered.

The program runs under many faults at once; a real Prometheus evaluates the shipped rules, a
real Alertmanager has the shipped routes and inhibitions, and a webhook receives. Only patience
is less: see hasty.py. What must arrive is every alert of alerts/*.yaml but those that
docs/alerts.md lists as not to be driven.

  live.py --exporter BINARY [--within SECONDS]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import hasty
import parts
import sounds

ROOT = Path(__file__).resolve().parents[3]
SUPPORT = parts.SUPPORT


def shipped():
    text = "".join(path.read_text() for path in sorted((ROOT / "alerts").glob("*.yaml")))
    return sorted(set(re.findall(r"- alert: (\w+)", text)))


def undriven():
    """Those of the table in docs/alerts.md."""
    page = (ROOT / "docs/alerts.md").read_text()
    table = page.split("## What no test can drive", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"(?m)^\| `(\w+)`", table))


def many_faults(options, folder):
    """The exporter that suffers most."""
    hostile = parts.Part(SUPPORT / "hostile_rtsp.py", "--port", "0")
    media = parts.Part("/usr/bin/python3", SUPPORT / "rtsp_server.py", "--port", "0", "--mounts", "/video,/speex")
    bad, real = hostile.port(), media.port()
    # Its growth has no end.
    leaking = parts.Part(SUPPORT / "recorder.py", "--hold", str(180 * 1024))
    jumping = parts.Part(SUPPORT / "recorder.py", "--hold", str(64 * 1024))
    pids = [json.loads(part.wait_for(lambda line: line if "pid" in line else None))["pid"]
            for part in (leaking, jumping)]
    sources = {
        "healthy": ("healthy.wav", "loop: true"),
        "down": ("rtsp://127.0.0.1:9/", ""),
        "flapping": (f"rtsp://127.0.0.1:{bad}/hang-up/10", ""),
        "stalled": (f"rtsp://127.0.0.1:{bad}/stall/50", "stall_after: 1s"),
        "locked": (f"rtsp://127.0.0.1:{bad}/unauthorized", ""),
        "lossy": (f"rtsp://127.0.0.1:{bad}/gap/5", ""),
        "video": (f"rtsp://127.0.0.1:{real}/video", ""),
        "speex": (f"rtsp://127.0.0.1:{real}/speex", ""),
        "other": ("healthy.wav", "loop: true", 16000),
        "zero": ("zero.wav", "loop: true, silence: { after: 1s }"),
        "quiet": ("quiet.wav", "loop: true, silence: { after: 1s }"),
        "stuck": ("stuck.wav", "loop: true"),
        "loud": ("loud.wav", "loop: true"),
        "broken": ("broken.aac", "loop: true"),
        "greedy": ("greedy.wav", "loop: true"),
        "large": ("large.wav", "loop: true"),
    }
    lines = []
    for name, (url, more, *rate) in sources.items():
        expect = f"expect: {{ sample_rate: {rate[0] if rate else 8000}, channels: 1 }}"
        lines.append(f"- {{ name: {name}, url: \"{url}\", {expect}{', ' if more else ''}{more} }}")
    crashing = folder / "crashing.pid"
    (folder / "history.db").mkdir()
    config = folder / "many.yaml"
    good = "\n".join([
        "buffers: { capture: { duration: 2s }, memory_budget: 5632KiB }",
        "connect: { backoff: { initial: 50ms, max: 100ms } }", "sources:", *lines, "watch:",
        "- { name: missing, command: no-such-recorder }",
        f"- {{ name: crashing, pid_file: {crashing} }}",
        f"- {{ name: leaking, pid: {pids[0]}, memory_limit: 1GiB }}",
        f"- {{ name: jumping, pid: {pids[1]}, metrics_url: \"http://127.0.0.1:9/metrics\" }}",
        # A jump is told for ten seconds: it must outlast the wait of the group.
        "memory: { sample_interval: 200ms, analysis_interval: 1s, baseline_after: 5s, window: 50 }",
        "objects: [ { name: http_connections, max_count: 0 } ]",
        f"profiles: {{ directory: {folder}/profiles, every: 1s }}",
        f"history: {{ path: {folder}/history.db }}",
        "notify: { webhooks: [ { url: \"http://127.0.0.1:9/hook\", timeout: 1s } ] }",
        "alarms: { max_per_hour: 1000 }",
        "web: { audio: true }", ""])
    config.write_text(good)
    program = parts.exporter(options.exporter, "--config.file", config)
    base = f"http://{program.address}"

    # No directory any more, and a file that is no configuration.
    shutil.rmtree(folder / "profiles", ignore_errors=True)
    (folder / "profiles").write_text("")
    config.write_text("sources: nonsense\n")
    try:
        parts.get(f"{base}/-/reload", b"")
        raise SystemExit("a bad configuration was taken")
    except OSError:
        config.write_text(good)

    restarted = {}

    def crash():
        if "part" in restarted:
            restarted["part"].end()
        restarted["part"] = parts.Part("sleep", "600")
        crashing.write_text(f"{restarted['part'].process.pid}\n")
        time.sleep(6)

    def grow():
        leaking.order("hold 2048")
        leaking.order("files 10")
        leaking.order("threads 3")
        time.sleep(1)

    def nonsense():
        for _ in range(5):
            with parts.socket.create_connection(tuple_of(program.address)) as client:
                client.sendall(b"NONSENSE\r\n\r\n")
                client.recv(100)
        time.sleep(1)

    listeners = []

    def listen():
        listeners.append(parts.slow_listener(program.address, "/api/v1/sources/large/live.wav"))
        del listeners[:-3]
        time.sleep(8)

    for work in (crash, grow, nonsense, listen):
        parts.in_background(work)
    # The judge must have seen it stable.
    threading.Timer(40, lambda: jumping.order(f"hold {200 * 1024}")).start()
    return program


def tuple_of(address):
    host, port = address.split(":")
    return host, int(port)


def restarting(options, folder):
    """One that is restarted, whose log nobody reads, and that is gone at last."""
    port = parts.free_port()
    hostile = parts.Part(SUPPORT / "hostile_rtsp.py", "--port", "0").port()
    config = folder / "restarting.yaml"
    config.write_text(
        "connect: { backoff: { initial: 10ms, max: 20ms } }\nsources:\n"
        f"- {{ name: it, url: \"rtsp://127.0.0.1:{hostile}/hang-up/1\" }}\n")

    def one():
        return parts.exporter(options.exporter, "--config.file", config, "--log.level", "trace",
                              listen=f"127.0.0.1:{port}", read=False)

    def life(receiver):
        for _ in range(4):
            part = one()
            time.sleep(5)
            part.end()
        part = one()
        wait(lambda: receiver.told("AudioExporterLogDropped"))
        part.end()

    return f"127.0.0.1:{port}", life


def wait(holds):
    while not holds():
        time.sleep(0.2)


def cramped(options, folder):
    """One with hardly any descriptors, budget and CPU, whose capture side hangs at last."""
    config = folder / "cramped.yaml"

    def plays(name):
        config.write_text(
            "buffers: { capture: { duration: 2s }, memory_budget: 80KiB }\nsources:\n"
            f"- {{ name: it, url: {name}, loop: true, expect: {{ sample_rate: 8000, channels: 1 }} }}\n")

    plays("healthy.wav")
    part = parts.exporter(options.exporter, "--config.file", config, preexec_fn=parts.few_descriptors(48))
    part.frozen = None

    def life(receiver):
        # Twice the rate: room for what is captured of it, none for what is to be measured.
        plays("twice.wav")
        time.sleep(10)
        parts.get(f"http://{part.address}/-/reload", b"")
        wait(lambda: receiver.told("BufferAllocationErrors"))
        idle = parts.IdleConnections(part.address)
        parts.in_background(lambda: idle.hold(18))
        wait(lambda: receiver.told("AudioExporterFdsLow"))
        idle.hold = lambda _: None
        deadline = time.monotonic() + 60
        while not receiver.told("AudioExporterDelayed") and time.monotonic() < deadline:
            # Not in step with the heartbeat of a second.
            parts.stop_and_go(part.process.pid, 0.9, 0.35)
        part.frozen = parts.Part(Path(__file__).parent / "freeze_threads.py", part.process.pid, "capture")

    return part, life


def half(options, folder):
    """One of two shards, the other of which nobody has started, with a certificate for two days."""
    certificate, key = folder / "half.crt", folder / "half.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=half", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    web = folder / "half-web.yaml"
    web.write_text(f"tls_server_config: {{ cert_file: {certificate}, key_file: {key} }}\n")
    config = folder / "half.yaml"
    lines = [f"- {{ name: off{n}, url: \"rtsp://127.0.0.1:9/\", enabled: false }}\n" for n in range(6)]
    config.write_text("sources:\n" + "".join(lines))
    return parts.exporter(options.exporter, "--config.file", config, "--web.config.file", web,
                          "--shard.total", "2", "--shard.index", "0")


def recorders(folder):
    """Two programs in Go: one that grows, one that is restarted and gone at last."""
    config = folder / "recorder.yml"
    config.write_text("route: { receiver: none }\nreceivers: [ { name: none } ]\n")

    def start(name, port):
        part = parts.Part(
            "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder}/{name}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
        parts.until(f"{name} answers", lambda: parts.answers(f"http://127.0.0.1:{port}/-/ready"))
        return part

    growing, restarted = parts.free_port(), parts.free_port()
    start("growing", growing)
    idle = parts.IdleConnections(f"127.0.0.1:{growing}")
    number = [0]

    def grow():
        idle.more(10)
        alerts = []
        for _ in range(400):
            number[0] += 1
            alerts.append({"labels": {"alertname": f"a{number[0]}"},
                           "annotations": {"text": "x" * 4000}})
        parts.get(f"http://127.0.0.1:{growing}/api/v2/alerts", json.dumps(alerts).encode())
        time.sleep(1)

    parts.in_background(grow)

    def life(_):
        for _ in range(5):
            part = start("restarted", restarted)
            time.sleep(3)
            part.end()

    return [f"127.0.0.1:{growing}", f"127.0.0.1:{restarted}"], life


def observers(folder, receiver, exporters, encrypted, recorder_targets):
    routes = folder / "alertmanager.yml"
    routes.write_text(hasty.routes((ROOT / "deploy/prometheus/alertmanager.yml").read_text(), receiver.url))
    manager = parts.free_port()
    parts.Part("prometheus-alertmanager", f"--config.file={routes}", f"--storage.path={folder}/alerts",
               f"--web.listen-address=127.0.0.1:{manager}", "--cluster.listen-address=")
    (folder / "rules").mkdir()
    for path in (ROOT / "alerts").glob("*.yaml"):
        (folder / "rules" / path.name).write_text(hasty.rules(path.read_text()))
    config = folder / "prometheus.yml"
    config.write_text(
        "global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }\n"
        f"rule_files: [ \"{folder}/rules/*.yaml\" ]\n"
        f"alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [ \"127.0.0.1:{manager}\" ] }} ] }} ] }}\n"
        "scrape_configs:\n"
        f"- {{ job_name: audio, static_configs: [ {{ targets: {json.dumps(exporters)} }} ] }}\n"
        "- { job_name: divided, scheme: https, tls_config: { insecure_skip_verify: true }, "
        f"static_configs: [ {{ targets: [ \"{encrypted}\" ] }} ] }}\n"
        f"- {{ job_name: recorder, static_configs: [ {{ targets: {json.dumps(recorder_targets)} }} ] }}\n")
    port = parts.free_port()
    prometheus = parts.Part(
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
        "--rules.alert.resend-delay=1s", f"--web.listen-address=127.0.0.1:{port}")
    parts.until("Prometheus is ready", lambda: parts.answers(f"http://127.0.0.1:{port}/-/ready"))
    return prometheus, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{manager}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--within", type=float, default=200)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="alerts-"))
    try:
        sys.exit(run(options, folder))
    finally:
        parts.end_all()
        shutil.rmtree(folder, ignore_errors=True)


def run(options, folder):
    sounds.all_of_them(folder)
    receiver = parts.Receiver()
    many = many_faults(options, folder)
    fixed, restart_it = restarting(options, folder)
    tight, cramp_it = cramped(options, folder)
    lonely = half(options, folder)
    go, restart_recorder = recorders(folder)
    exporters = [many.address, fixed, tight.address]
    _, prometheus, manager = observers(folder, receiver, exporters, lonely.address, go)
    for life in (restart_it, cramp_it, restart_recorder):
        threading.Thread(target=life, args=(receiver,), daemon=True).start()

    unreachable = undriven()
    wanted = [name for name in shipped() if name not in unreachable]
    last = "AudioExporterAbsent"
    first = {}
    deadline = time.monotonic() + options.within
    while time.monotonic() < deadline:
        for name in wanted:
            if name not in first and receiver.told(name):
                first[name] = time.monotonic() - receiver.began
                print(f"{first[name]:6.1f} s  {name}", flush=True)
        missing = [name for name in wanted if name not in first and name != last]
        if not missing:
            break
        time.sleep(0.5)
    faults = [f"never delivered: {name}" for name in missing]
    faults += judge(receiver, manager, many, unreachable, tight)
    # What is mended is over; what is gone altogether is told of.
    parts.get(f"http://{many.address}/-/reload", b"")
    faults += expect("the mended configuration is over", lambda: receiver.told("AudioExporterReloadFailed", "resolved"))
    many.end()
    lonely.end()
    # Who traces a process must be gone before its end can be waited for.
    if tight.frozen:
        tight.frozen.end()
    tight.end()
    faults += expect("no exporter is left", lambda: receiver.told(last))
    if faults:
        firing = json.loads(parts.get(f"{prometheus}/api/v1/alerts"))["data"]["alerts"]
        print("Prometheus has:", sorted({(a["labels"]["alertname"], a["state"]) for a in firing}))
        bad = json.loads(parts.get(f"{prometheus}/api/v1/rules"))["data"]["groups"]
        print("Unwell:", [(r["name"], r.get("lastError")) for g in bad for r in g["rules"] if r["health"] != "ok"])
    print("\n".join(faults) or f"{len(wanted)} alerts were driven and delivered, {len(unreachable)} cannot be")
    return 1 if faults else 0


def expect(what, holds, within=30):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if holds():
            return []
        time.sleep(0.2)
    return [f"not within {within} s: {what}"]


def judge(receiver, manager, many, unreachable, tight):
    """What was told must make sense, and what is well must not be told of."""
    faults = []
    for _, path, alert in receiver.alerts:
        labels, texts = alert["labels"], alert["annotations"]
        name = labels["alertname"]
        for text in texts.values():
            if "<no value>" in text or "error expanding" in text or "%!" in text or "  " in text:
                faults.append(f"{name}: {text}")
        if labels.get("source") == "healthy":
            faults.append(f"{name} of what is well: {labels}")
        wanted = {"critical": "/pager", "none": "/alive"}.get(labels["severity"], "/chat")
        if path != wanted:
            faults.append(f"{name}: {labels['severity']} went to {path}")
        if name in unreachable:
            faults.append(f"{name} was delivered; docs/alerts.md says that it cannot be driven")
    if receiver.told("SourceDown", source="down", instance=many.address) == []:
        faults.append("SourceDown does not name what is down")
    # The cause keeps the symptom still.
    alerts = json.loads(parts.get(f"{manager}/api/v2/alerts"))
    of_locked = [alert["status"]["state"] for alert in alerts
                 if alert["labels"].get("source") == "locked" and alert["labels"]["alertname"] == "SourceDown"]
    if of_locked != ["suppressed"]:
        faults.append(f"SourceDown of a refused password: {of_locked}")
    return faults


if __name__ == "__main__":
    main()
