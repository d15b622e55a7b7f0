#!/usr/bin/env python3
"""Checks what Kustomize made of an overlay: check_kubernetes.py RENDERED.yaml RESOURCES.ts

Needs kubernetes-validate (PyPI), which knows Kubernetes' own kinds. Those of the Prometheus
Operator it does not know: they are written to RESOURCES.ts, a program whose compiler finds
misspelt fields and whose run finds bad values. Beyond the schemas: what the `restricted` profile forbids,
names that must agree, and that rules and dashboards are those of alerts/ and grafana/. Prints
every fault and exits with 1 if there is one.
"""

import json
import sys
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
CUSTOM = {"PodMonitor", "PrometheusRule"}
SCRAPE = {"audio-capture-exporter": "scrape"}
faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def schema(where, resource):
    try:
        kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        if resource["kind"] not in CUSTOM:
            fault(where, "an unknown kind")
    except kubernetes_validate.ValidationError as error:
        fault(where, f"{'.'.join(map(str, error.path))}: {error.message}")


def restricted(where, spec):
    """The profile `restricted` of the pod security standards, and what we ask for beyond it."""
    of_pod = spec.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            fault(where, f"{key} is not allowed")
    for volume in spec.get("volumes", []):
        if "hostPath" in volume:
            fault(where, "a hostPath")
    for container in spec["containers"] + spec.get("initContainers", []):
        name = f"{where} {container['name']}"
        own = container.get("securityContext", {})
        both = {**of_pod, **own}
        if both.get("runAsNonRoot") is not True or not both.get("runAsUser"):
            fault(name, "may be root")
        if both.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            fault(name, "no seccomp profile")
        if own.get("allowPrivilegeEscalation") is not False:
            fault(name, "may gain privileges")
        if own.get("capabilities", {}).get("drop") != ["ALL"]:
            fault(name, "keeps capabilities")
        if own.get("readOnlyRootFilesystem") is not True:
            fault(name, "may write its image")
        if "memory" not in container.get("resources", {}).get("limits", {}):
            fault(name, "no limit of memory")
        if ":" not in container["image"].rsplit("/", 1)[-1]:
            fault(name, f"an image without a version: {container['image']}")


def exporter(where, spec):
    """The exporter's container, wherever it stands."""
    found = [c for c in spec["containers"] + spec.get("initContainers", []) if c["name"] == "audio-capture-exporter"]
    if len(found) != 1:
        fault(where, f"{len(found)} exporters in a pod")
        return
    container = found[0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    if ports != {"audio-metrics": 10480} or "--web.listen-address=0.0.0.0:10480" not in container["args"]:
        fault(where, f"listens elsewhere than it says: {ports}")
    if container["livenessProbe"]["httpGet"]["path"] != "/-/healthy":
        fault(where, "is not asked for its health")
    if container in spec.get("initContainers", []):
        if container.get("restartPolicy") != "Always":
            fault(where, "an init container that must end, not a sidecar")
        if spec.get("shareProcessNamespace") is not True:
            fault(where, "the sidecar cannot see the recorder")
        if "startupProbe" in container or "readinessProbe" in container:
            fault(where, "the recorder would wait for the sidecar")
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    return {mount["name"] for mount in container["volumeMounts"]} - volumes


def shards(where, resource):
    """Pods that divide the sources know of how many, and which each is; where they do not there is one."""
    replicas = resource["spec"]["replicas"]
    containers = resource["spec"]["template"]["spec"]["containers"]
    container = next((c for c in containers if c["name"] == "audio-capture-exporter"), {})
    totals = [a.partition("=")[2] for a in container.get("args", []) if a.startswith("--shard.total=")]
    if totals != ([str(replicas)] if replicas > 1 else []):
        fault(where, f"{replicas} pods, --shard.total {totals}")
    names = [e["valueFrom"]["fieldRef"]["fieldPath"] for e in container.get("env", []) if e["name"] == "POD_NAME"]
    if totals and (resource["kind"] != "StatefulSet" or names != ["metadata.name"]):
        fault(where, "its pods do not know their numbers")


def pods(resources):
    """Every workload and what it may refer to."""
    maps = {r["metadata"]["name"] for r in resources if r["kind"] == "ConfigMap"}
    scraped = 0
    for resource in resources:
        if resource["kind"] not in ("Deployment", "StatefulSet"):
            continue
        where = f"{resource['kind']} {resource['metadata']['name']}"
        template = resource["spec"]["template"]
        labels = template["metadata"]["labels"]
        selector = resource["spec"]["selector"]["matchLabels"]
        if not selector.items() <= labels.items():
            fault(where, "does not select its own pods")
        scraped += SCRAPE.items() <= labels.items()
        restricted(where, template["spec"])
        shards(where, resource)
        claims = {claim["metadata"]["name"] for claim in resource["spec"].get("volumeClaimTemplates", [])}
        unknown = (exporter(where, template["spec"]) or set()) - claims
        if unknown:
            fault(where, f"mounts what is not there: {unknown}")
        for volume in template["spec"].get("volumes", []):
            if "configMap" in volume and volume["configMap"]["name"] not in maps:
                fault(where, f"no ConfigMap {volume['configMap']['name']}")
    if scraped != 1:
        fault("the overlay", f"{scraped} workloads are scraped, not 1")
    for resource in resources:
        spec = resource.get("spec", {})
        if resource["kind"] == "PodMonitor":
            if spec["selector"]["matchLabels"] != SCRAPE:
                fault("PodMonitor", "selects other pods")
            if [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]] != ["audio-metrics"]:
                fault("PodMonitor", "asks another port")
        if resource["kind"] == "NetworkPolicy" and spec["podSelector"]["matchLabels"] != SCRAPE:
            fault("NetworkPolicy", "holds for other pods")


def contents(resources):
    """Rules and dashboards are whole and the shipped ones."""
    rules = {r["metadata"]["name"]: r["spec"] for r in resources if r["kind"] == "PrometheusRule"}
    shipped = {
        f"audio-capture-{path.stem}": yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / "alerts").glob("*.yaml")
    }
    for name in sorted(rules.keys() | shipped.keys()):
        if rules.get(name) != shipped.get(name):
            fault(f"PrometheusRule {name}", "is not what is in alerts/")
    boards = {
        key: text
        for r in resources
        if r["kind"] == "ConfigMap" and r["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for key, text in r["data"].items()
    }
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "grafana").glob("*.json")}
    for name in sorted(boards.keys() | files.keys()):
        if boards.get(name) != files.get(name):
            fault(f"dashboard {name}", "is not what is in grafana/")
        elif len(files[name].encode()) > 1_000_000:
            fault(f"dashboard {name}", "is too large for a ConfigMap")


def program(resources):
    """TypeScript that compiles if the custom resources have known fields of the right types, and
    that ends well if their values are allowed."""
    lines = ['import { PodMonitor, PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";']
    for resource in resources:
        if resource["kind"] in CUSTOM:
            if resource["apiVersion"] != "monitoring.coreos.com/v1":
                fault(resource["kind"], f"of {resource['apiVersion']}")
            content = {key: value for key, value in resource.items() if key not in ("apiVersion", "kind")}
            lines.append(f"new {resource['kind']}({json.dumps(content)}).validate();")
    return "\n".join(lines) + "\n"


def main():
    rendered, target = sys.argv[1:]
    resources = list(yaml.safe_load_all(Path(rendered).read_text(encoding="utf-8")))
    for resource in resources:
        schema(f"{resource['kind']} {resource['metadata']['name']}", resource)
    pods(resources)
    contents(resources)
    Path(target).write_text(program(resources), encoding="utf-8")
    print("\n".join(faults) or f"{len(resources)} resources, nothing to complain about")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
