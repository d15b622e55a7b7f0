// Requests to the API. A problem document's words become the error's.

import { tell } from "./dom.js";

export async function ask(path, options = {}) {
  const reply = await fetch(`/api/v1/${path}`, { cache: "no-store", ...options });
  const text = await reply.text();
  let document = null;
  try {
    document = JSON.parse(text);
  } catch {
    // Told below.
  }
  if (reply.ok && document) return document;
  const detail = document?.detail ?? `The answer was ${reply.status} without a document.`;
  throw new Error([detail, document?.remedy].filter(Boolean).join(" "));
}

export function change(path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  return ask(path, { method: "POST", headers, body: body ? JSON.stringify(body) : undefined });
}

// Runs an action of a button: meanwhile it is off, and its outcome is said.
export async function act(button, outcome, action) {
  button.disabled = true;
  try {
    tell(outcome, await action());
  } catch (error) {
    tell(outcome, error.message);
  } finally {
    button.disabled = false;
  }
}
