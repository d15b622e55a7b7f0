// Figures as a person reads them. Times are in the viewer's zone.

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function time(moment) {
  if (!moment) return "never";
  const date = moment instanceof Date ? moment : new Date(moment);
  const today = date.toDateString() === new Date().toDateString();
  return (today ? clock : day).format(date);
}

// A duration to one unit.
export function roughly(seconds) {
  if (!Number.isFinite(seconds)) return "—";
  const s = Math.max(0, seconds);
  if (s < 120) return `${Math.floor(s)} s`;
  if (s < 7_200) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3_600)} h`;
  return `${Math.floor(s / 86_400)} days`;
}

export function bytes(count) {
  if (count === null || count === undefined || !Number.isFinite(count)) return "—";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = Math.abs(count);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${count < 0 ? "−" : ""}${size.toFixed(digits)} ${units[unit]}`;
}

export function percent(ratio) {
  if (ratio === null || ratio === undefined) return "—";
  // 99.96 % is not all of it.
  const share = ratio < 1 ? Math.min(ratio * 100, 99.9) : 100;
  return `${share.toFixed(1)} %`;
}

export function dbfs(ratio) {
  return ratio > 0 ? 20 * Math.log10(ratio) : null;
}

export function decibels(level) {
  return level === null || level === undefined ? "—" : `${level.toFixed(1).replace("-", "−")} dBFS`;
}

export function format(source) {
  const parts = [source.codec ?? "codec unknown"];
  if (source.format) {
    const { sample_rate: rate, channels } = source.format;
    const count = channels === 1 ? "mono" : channels === 2 ? "stereo" : `${channels} channels`;
    parts.push(`${rate / 1000} kHz ${count}`);
  }
  const { transport } = source;
  const local = ["file", "pipe", "device"].includes(transport);
  if (transport) parts.push(local ? `from a ${transport}` : `over ${transport.toUpperCase()}`);
  return parts.join(", ");
}

export const symbols = { ok: "✓", warning: "!", critical: "✕" };
export const levels = { ok: "All is well.", warning: "Worth a look.", critical: "Needs attention." };

// What is wrong with one of these, if anything is.
export function reasonFor(reasons, about, subject) {
  return reasons.find((reason) => reason.about === about && reason.subject === subject);
}

// How urgent it is, in a word; nothing where it is not.
export function urgency(level) {
  return !level || level === "ok" ? "" : `${symbols[level] ?? "?"} ${level}`;
}

// What of a source's audio comes, whatever it sounds like: `flow` gives the colour.
const flowing = { icon: "●", flow: "comes" };
const opening = { icon: "◌", flow: "opening" };
const missing = { icon: "○", flow: "missing" };
const resting = { icon: "■", flow: "rests" };
export const transports = {
  connecting: opening,
  waiting: opening,
  streaming: flowing,
  stalled: missing,
  backing_off: missing,
  unauthorized: missing,
  unsupported: missing,
  no_audio_track: missing,
  over_budget: missing,
  ended: resting,
  disabled: resting,
};

// Problems are written as parts of a log line.
export function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
