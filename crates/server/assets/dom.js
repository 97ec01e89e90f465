// Small helps for the page's elements.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; `data` and ARIA attributes are set as attributes. */
export function make(tag, properties = {}, ...children) {
  const element = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && !tag.startsWith("svg:")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Options of a select; keeps what was chosen where it is still there. */
export function fill(select, options, chosen = select.value) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value, textContent: text ?? value })));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const bytes = (base64) => Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));

export const png = (base64) => `data:image/png;base64,${base64}`;

export const savePng = (base64, name) => save(new Blob([bytes(base64)], { type: "image/png" }), name);

export const percent = (share) => (share == null ? "–" : `${(100 * share).toFixed(1)} %`);

/** A number with a true minus sign. */
export const signed = (value, digits) => value.toFixed(digits).replace("-", "−");

/** Text, safe within HTML. */
export const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Steps of the arrow keys. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A table that scrolls by itself where it is too wide; `rows` are elements. */
export function table(head, rows, caption) {
  const titles = head.map((text) => make("th", { scope: "col", textContent: text }));
  const title = caption ? [make("caption", { textContent: caption })] : [];
  const parts = [...title, make("thead", {}, make("tr", {}, ...titles)), make("tbody", {}, ...rows)];
  return make("div", { className: "scroll" }, make("table", {}, ...parts));
}

/** A bar for a share from 0 to 1, between its name and its value. */
export function bar(name, share, text, ...marks) {
  const fill = make("i");
  fill.style.width = `${100 * share}%`;
  return make("div", { className: "bar" }, make("span", { textContent: name }), make("div", {}, fill, ...marks),
    make("span", { className: "numbers", textContent: text }));
}

/** A file's name without its ending. */
export const stem = (name) => name.replace(/\.[^.]*$/, "");

/** Runs `work` with its error shown in `place`; a request that was cancelled is no error. */
export async function showing(place, work) {
  place.textContent = "";
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") place.textContent = error.message;
  }
}

/** Runs long work: its button is off meanwhile, its progress shown, and it can be cancelled. */
export async function running({ button, cancel, progress, problem }, work) {
  const stop = new AbortController();
  const onCancel = () => stop.abort();
  cancel.addEventListener("click", onCancel);
  button.disabled = true;
  cancel.hidden = progress.hidden = false;
  progress.removeAttribute("value");
  await showing(problem, () => work(stop.signal, ({ done, total }) => (progress.value = done / Math.max(total, 1))));
  button.disabled = false;
  cancel.hidden = progress.hidden = true;
  cancel.removeEventListener("click", onCancel);
}
