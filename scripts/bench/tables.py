"""What was measured, as tables of Markdown: medians, with the smallest and largest round."""

import os
from dataclasses import dataclass
from statistics import median

# The peers' CPU over ours that the design asks for, at least.
BARS = {"ffmpeg": 6, "ffmpeg-all": 3, "gst": 12}
SLOPE_BAR_KIB = 300


@dataclass
class Row:
    """One window of one group."""

    sources: int
    processes: int
    cpu_ms: float
    """CPU milliseconds per source and second."""
    server_ms: float
    """The same of the servers and feeders, meanwhile."""
    pss: float
    """Bytes of all processes together."""
    threads: int
    descriptors: int
    buffers: tuple | None
    """Bytes in and of the capture buffers, at the moment of `pss`."""

    @property
    def beyond_audio(self):
        """Bytes that are no captured audio."""
        return self.pss - self.buffers[0]


def conditions(options):
    return (
        f"\n{options.seconds:g} s windows, {options.rounds} rounds, {options.capture} of capture "
        f"buffer, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    )


def comparison(rows, contestants, sources):
    lines = [
        f"\n{sources} sources; per source:\n",
        "| group | processes | CPU ms/s | × ours, by round | bar | PSS MiB | × ours | server ms/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ours = rows.get("ours", [])
    for name, of_group in rows.items():
        title = contestants[name].title
        if reason := void(of_group):
            lines.append(f"| {title} | void: {reason} |||||||")
            continue
        pss = median(row.pss for row in of_group)
        times, weight, bar = "–", "–", "–"
        if ours and not void(ours) and name != "ours":
            ratios = [theirs.cpu_ms / our.cpu_ms for theirs, our in zip(of_group, ours)]
            times = f"**{median(ratios):.1f}** ({min(ratios):.1f}-{max(ratios):.1f})"
            weight = f"{pss / median(row.pss for row in ours):.1f}"
            if name in BARS:
                bar = f"≥ {BARS[name]}: {'met' if median(ratios) >= BARS[name] else 'missed'}"
        lines.append(
            f"| {title} | {of_group[0].processes} | {cpu(of_group)} | {times} | {bar} "
            f"| {pss / sources / 2**20:.2f} | {weight} "
            f"| {median(row.server_ms for row in of_group):.2f} |"
        )
    return "\n".join(lines)


def scale(rows, capture):
    lines = [
        f"\nours alone, {capture} of capture buffer:\n",
        "| sources | CPU ms/s per source | PSS MiB | of it captured audio | its capacity | threads | descriptors |",
        "|---|---|---|---|---|---|---|",
    ]
    for sources, of_size in rows.items():
        if reason := void(of_size):
            lines.append(f"| {sources} | void: {reason} ||||||")
            continue
        pss = median(row.pss for row in of_size) / 2**20
        held, capacity = (median(row.buffers[i] for row in of_size) / 2**20 for i in (0, 1))
        lines.append(
            f"| {sources} | {cpu(of_size)} | {pss:.1f} | {held:.1f} | {capacity:.1f} "
            f"| {of_size[0].threads} | {of_size[0].descriptors} |"
        )
    sizes = sorted(rows)
    for few, many in zip(sizes, sizes[1:]):
        if void(rows[few]) or void(rows[many]):
            continue
        slopes = kib_a_source(rows[few], rows[many])
        verdict = f"; bar ≤ {SLOPE_BAR_KIB}: " + (
            "met" if median(slopes) <= SLOPE_BAR_KIB else "missed"
        )
        lines.append(
            f"\nMemory beyond captured audio, from {few} to {many} sources: {spread(slopes, 0)} KiB a "
            f"source{verdict if (few, many) == (10, 100) else ''}"
        )
    return "\n".join(lines)


def kinds(rows):
    sizes = sorted(next(iter(rows.values())))
    few, many = sizes[0], sizes[-1]
    lines = [
        f"\nEach kind of source, {many} of them; per source, memory and threads as growth from {few}:\n",
        "| kind | CPU ms/s | KiB beyond captured audio | threads | descriptors |",
        "|---|---|---|---|---|",
    ]
    for title, by_size in rows.items():
        if reason := void([row for of_size in by_size.values() for row in of_size]):
            lines.append(f"| {title} | void: {reason} ||||")
            continue
        before, after = by_size[few], by_size[many]
        memory, threads, descriptors = "–", "–", "–"
        if few < many:
            memory = spread(kib_a_source(before, after), 0)
            threads, descriptors = (
                f"{(getattr(after[0], what) - getattr(before[0], what)) / (many - few):.1f}"
                for what in ("threads", "descriptors")
            )
        lines.append(f"| {title} | {cpu(after)} | {memory} | {threads} | {descriptors} |")
    return "\n".join(lines)


def kib_a_source(before, after):
    """The growth of memory beyond audio with each source, by round."""
    return [
        (more.beyond_audio - less.beyond_audio) / (more.sources - less.sources) / 1024
        for less, more in zip(before, after)
    ]


def cpu(rows):
    return spread([row.cpu_ms for row in rows], 2)


def spread(values, digits):
    middle, low, high = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle} ({low}-{high})" if len(values) > 1 else middle


def void(rows):
    """Why they prove nothing, where one of them does not."""
    return next((row for row in rows if not isinstance(row, Row)), None)
