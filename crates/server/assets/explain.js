// Where a network looks: Grad-CAM and occlusion.

import * as api from "./api.js";
import { $, ARROWS, bar, escape, fill, make, percent, png, running, save, savePng, showing, signed, stem, table } from "./dom.js";
import { draw, picture, values } from "./heatmap.js";
import { photo } from "./photo.js";

let models = [];
let shown = null;

const model = () => models.find(({ name }) => name === $("explain-model").value);

function arrange() {
  const { task, layers, default_layer } = model();
  const isEmbedder = task === "embedder";
  fill($("explain-layer"), layers.map((layer) => [layer]), layers.includes($("explain-layer").value) ? undefined : default_layer);
  fill($("explain-target"), isEmbedder
    ? [["similarity", "likeness to another photograph"]]
    : [["top", "the highest class"], ["class", "a class"], ["similarity", "likeness to another photograph"]]);
  $("explain-layer-label").hidden = $("explain-method").value !== "cam";
  $("explain-class-label").hidden = $("explain-target").value !== "class";
  $("explain-reference-label").hidden = $("explain-target").value !== "similarity";
}

function request() {
  const isCam = $("explain-method").value === "cam";
  const kind = $("explain-target").value;
  const fields = { image: photo.blob, model: model().name, layer: isCam ? $("explain-layer").value : null };
  if (!photo.blob) throw new Error("There is no photograph yet. Choose one on the left, or above.");
  if (kind === "class" && !$("explain-class").value.trim()) throw new Error("Write which class: a number or a name.");
  if (kind === "similarity") {
    fields.reference = $("explain-reference").files[0];
    if (!fields.reference) throw new Error("Choose the other photograph that the face is compared with.");
  }
  fields.target = kind === "class" ? `class:${$("explain-class").value.trim()}` : kind;
  return [`/v1/${$("explain-method").value}`, fields];
}

async function run(signal, onProgress) {
  const [path, fields] = request();
  const result = await api.watch(path, fields, signal, onProgress);
  // Another photograph was chosen meanwhile.
  if (fields.image !== photo.blob) return;
  shown = { path, fields, result, image: await picture(png(result.canvas)), map: values(result.values) };
  const where = result.layer ? `layer ${result.layer}` : `patches of ${result.patch} pixels`;
  $("explain-title").textContent = `${result.target}: ${signed(result.score, 3)}`;
  $("explain-made").textContent = `${result.method === "grad-cam" ? "Grad-CAM" : "Occlusion"}, ${result.model}, ${where}`;
  $("overlay").setAttribute("aria-label", `Heat map for ${result.target}`);
  $("region-tables").replaceChildren(...["face", "bands"].flatMap((kind) => regionTable(result.regions, kind)));
  $("explain-result").hidden = false;
  await paint();
  await predictions(fields, signal);
}

const paint = () => shown && draw($("overlay"), shown.image, shown.map,
  { colours: $("overlay-colours").value, opacity: Number($("overlay-opacity").value) });

function regionTable(regions, kind) {
  const rows = regions.filter((row) => row.kind === kind);
  if (!rows.length) return [];
  const title = kind === "face" ? "Parts of the face" : "Bands of the picture";
  const body = rows.map(({ region, mass, area, ratio }) => {
    const cells = [region, percent(mass), percent(area), ratio == null ? "–" : ratio.toFixed(2)];
    return make("tr", { className: ratio > 1 ? "more" : "" }, ...cells.map((text) => make("td", { textContent: text })));
  });
  return [table(["Region", "Map", "Area", "Map / area"], body, title)];
}

/** The classes that come first, for a classifier. */
async function predictions({ image, model }, signal) {
  $("predictions").replaceChildren();
  if (models.find(({ name }) => name === model).task === "embedder") return;
  const { classes } = await api.post("/v1/predict", { image, model, top: 5 }, signal);
  if (image !== photo.blob) return;
  $("predictions").replaceChildren(...classes.map(({ class: id, label, logit, probability }) =>
    bar(label ?? `class ${id}`, probability ?? 0, probability == null ? signed(logit, 2) : percent(probability))));
}

const cell = { x: 0, y: 0 };

function tell() {
  const { map } = shown;
  cell.x = Math.min(Math.max(cell.x, 0), map.width - 1);
  cell.y = Math.min(Math.max(cell.y, 0), map.height - 1);
  const value = map.data[cell.y * map.width + cell.x];
  $("overlay-value").textContent = `Row ${cell.y + 1}, column ${cell.x + 1} of ${map.height} × ${map.width}: ${Number(value.toPrecision(4))}`;
}

function point(event) {
  if (!shown) return;
  const { left, top, width, height } = $("overlay").getBoundingClientRect();
  cell.x = Math.floor(((event.clientX - left) / width) * shown.map.width);
  cell.y = Math.floor(((event.clientY - top) / height) * shown.map.height);
  tell();
}

function step(event) {
  if (!shown || !ARROWS[event.key]) return;
  event.preventDefault();
  cell.x += ARROWS[event.key][0];
  cell.y += ARROWS[event.key][1];
  tell();
}

/** Everything about a result in one file that needs nothing else. */
function report({ result }) {
  const { canvas, figure, values, regions, ...facts } = result;
  const list = Object.entries(facts).map(([name, value]) =>
    `<dt>${escape(name)}</dt><dd>${escape(typeof value === "string" ? value : JSON.stringify(value))}</dd>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(result.target)} – Eyebar</title>
<style>body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}img{max-width:100%}table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child,caption{text-align:left}dt{font-weight:600}dd{overflow-wrap:anywhere}</style>
<h1>${escape($("explain-title").textContent)}</h1><p>${escape($("explain-made").textContent)}</p><img src="${png(figure)}" alt="">
${$("region-tables").innerHTML}<h2>What it was made of</h2><dl>${list.join("")}</dl></html>`;
}

export function startExplain(all) {
  models = all.filter(({ task }) => task !== "detector");
  fill($("explain-model"), models.map(({ name }) => [name]), "efficientnet-lite0");
  for (const id of ["explain-model", "explain-method", "explain-target"]) $(id).addEventListener("change", arrange);
  arrange();
  $("explain-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const parts = { button: $("explain-run"), cancel: $("explain-cancel"), progress: $("explain-progress"), problem: $("explain-problem") };
    running(parts, run);
  });
  for (const id of ["overlay-opacity", "overlay-colours"]) $(id).addEventListener("input", paint);
  $("overlay").addEventListener("pointermove", point);
  $("overlay").addEventListener("keydown", step);
  const name = () => `${stem(photo.name) || "photo"}-${shown.path.slice(4)}`;
  const saves = (id, make) => $(id).addEventListener("click", () => showing($("explain-problem"), make));
  saves("save-figure", () => savePng(shown.result.figure, `${name()}.png`));
  saves("save-array", async () => save(await api.blob(shown.path, shown.fields, "application/x-npy"), `${name()}.npy`));
  saves("save-report", () => save(new Blob([report(shown)], { type: "text/html" }), `${name()}.html`));
  photo.addEventListener("photo", () => { shown = null; $("explain-result").hidden = true; });
}
