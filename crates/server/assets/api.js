// Requests to the server that this page came from.

const KEY = "eyebar-token";

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (secret) => sessionStorage.setItem(KEY, secret),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the server refused (RFC 9457). */
export class Problem extends Error {
  constructor(body) {
    const field = body.field ? `${body.field}: ` : "";
    super(`${field}${body.detail}${body.hint ? `. ${body.hint[0].toUpperCase()}${body.hint.slice(1)}.` : ""}`);
    this.status = body.status;
  }
}

function form(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null || value === "") continue;
    if (value instanceof Blob) form.append(name, value, "photo");
    else form.append(name, String(value));
  }
  return form;
}

async function send(path, { method = "POST", fields, json, accept = "application/json", signal } = {}) {
  const headers = { accept };
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  let body;
  if (fields) body = form(fields);
  if (json) [body, headers["content-type"]] = [JSON.stringify(json), "application/json"];
  let response;
  try {
    response = await fetch(path, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is `eyebar serve` still running?");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ status: response.status, detail: response.statusText }));
  if (problem.status === 401) window.dispatchEvent(new CustomEvent("signed-out"));
  throw new Problem(problem);
}

export const get = async (path) => (await send(path, { method: "GET" })).json();
export const post = async (path, fields, signal) => (await send(path, { fields, signal })).json();
export const postJson = async (path, json) => (await send(path, { json })).json();
export const remove = (path) => send(path, { method: "DELETE" });
export const blob = async (path, fields, accept) => (await send(path, { fields, accept })).blob();

/** A request with progress, as server-sent events. */
export async function watch(path, fields, signal, onProgress) {
  const response = await send(path, { fields, signal, accept: "text/event-stream" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The server broke off. Try again.");
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const [, name] = event.match(/^event: ?(.*)$/m) ?? [];
      const [, data] = event.match(/^data: ?(.*)$/m) ?? [];
      if (name === "progress") onProgress(JSON.parse(data));
      if (name === "problem") throw new Problem(JSON.parse(data));
      if (name === "result") return JSON.parse(data);
    }
  }
}
