// Elements. Text goes in as text: nothing here makes markup of a string.

const SVG = "http://www.w3.org/2000/svg";

// make("p.note", {id: "x"}, "text", child, ...)
export function make(kind, attributes = {}, ...children) {
  const [name, ...classes] = kind.split(".");
  const element = document.createElement(name);
  return fill(element, classes, attributes, children);
}

export function drawn(kind, attributes = {}, ...children) {
  const [name, ...classes] = kind.split(".");
  return fill(document.createElementNS(SVG, name), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Sets an attribute, or removes it where the value is null or false.
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

// Changes only what differs, so that a selection, the focus and a reader's place stay.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// What stands between two backticks is code; one without a second stays as it is.
function coded(text) {
  const parts = text.split("`");
  if (parts.length % 2 === 0) parts.splice(-2, 2, parts.slice(-2).join("`"));
  return parts.map((part, n) => (n % 2 ? make("code", {}, part) : part));
}

export function plain(text) {
  return coded(text).map((part) => part.textContent ?? part).join("");
}

const told = new WeakMap();

// The same for sentences, in which names of keys and the like stand between backticks.
export function tell(element, text) {
  if (told.get(element) === text) return;
  told.set(element, text);
  element.replaceChildren(...coded(text));
}

// A sentence that hides its element where there is none.
export function sayIf(element, text) {
  element.hidden = !text;
  tell(element, text || "");
}

export function place(element, percent) {
  const share = `${Math.min(100, Math.max(0, percent)).toFixed(1)}%`;
  if (element.style.width !== share) element.style.width = share;
}

// Keeps one row per key, in order; `make` builds a row {element, update}.
export class Rows {
  constructor(parent, build) {
    this.parent = parent;
    this.build = build;
    this.rows = new Map();
  }

  update(items, keyOf, ...more) {
    const seen = new Set();
    let before = this.parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      if (seen.has(key)) continue;
      seen.add(key);
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, (row = this.build(item)));
      if (row.element === before) before = before.nextElementSibling;
      else this.parent.insertBefore(row.element, before);
      row.update(item, ...more);
    }
    for (const [key, row] of this.rows) {
      if (seen.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
  }
}
