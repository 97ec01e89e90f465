// A mask over the face, and what identity is left.

import * as api from "./api.js";
import { $, make, percent, png, savePng, showing, signed, stem } from "./dom.js";
import { draw, picture, values } from "./heatmap.js";
import { photo } from "./photo.js";
import { MaskBox } from "./stage.js";

/** Half the width and the height of the bar over the eyes, in eye distances. */
const BAR = [-1.1, -0.35, 1.1, 0.35];
const MOVES = 60;

let session = null;
let mask = "none";
let busy = false;
let again = false;
let moves = [];
let opens = 0;

const box = new MaskBox((place) => put(`custom:${place.map((value) => Number(value.toFixed(3))).join(",")}`));

/** Where a mask lies that can be dragged. */
function place(name) {
  if (name === "eye-bar") return BAR;
  if (name !== "eyes-nose") return null;
  const { origin, down, d } = session.frame;
  const nose = session.landmarks.nose.map((value, at) => value - origin[at]);
  return [BAR[0], BAR[1], BAR[2], (nose[0] * down[0] + nose[1] * down[1]) / d + 0.2];
}

/** Where the mask that is on lies. */
const placed = () => (mask.startsWith("custom:") ? mask.slice(7).split(",").map(Number) : place(mask));

function presets(names) {
  $("presets").replaceChildren(...["none", ...names].map((name) => {
    const button = make("button", { type: "button", textContent: name === "none" ? "no mask" : name.replace("-", " "), ariaPressed: name === "none" });
    button.dataset.testid = `mask-preset-${name}`;
    button.dataset.mask = name;
    button.addEventListener("click", () => {
      put(name);
      if (session) box.show(placed(), session.frame);
    });
    return button;
  }));
}

/** Puts a mask; while an answer is awaited only the last place is kept. */
async function put(name) {
  mask = name;
  for (const button of $("presets").children) button.ariaPressed = button.dataset.mask === name;
  again = true;
  if (busy || !session) return;
  busy = true;
  await showing($("mask-problem"), async () => {
    while (again) {
      again = false;
      await ask();
    }
  });
  busy = false;
}

async function ask() {
  const start = performance.now();
  const asked = session;
  if (!asked) return;
  const see = (more) => api.postJson(`/v1/sessions/${asked.session}/mask`, { mask, ...more });
  let seen;
  try {
    seen = await see({ show: true });
  } catch (error) {
    if (error.status !== 404) throw error;
    if (asked === session) await open();
    return;
  }
  if (asked !== session) return;
  const face = await picture(png(seen.face));
  tell(seen, performance.now() - start);
  // The number comes first; the map is drawn once nothing newer waits.
  const nothing = { width: 1, height: 1, data: new Float32Array(1) };
  if (!$("want-map").checked) return draw($("behind"), face, nothing, { opacity: 0 });
  if (again) return;
  const { map } = await see({ map: true });
  if (asked !== session) return;
  await draw($("behind"), face, map ? values(map.values) : nothing, { opacity: map ? 0.45 : 0 });
}

function tell({ similarity, threshold, same_person, gallery, covered }, took) {
  const part = (value) => `${100 * Math.min(Math.max(value, 0), 1)}%`;
  $("similarity").textContent = signed(similarity, 3);
  $("badge").hidden = false;
  $("badge").textContent = `similarity ${signed(similarity, 3)}${same_person == null ? "" : same_person ? " · recognised" : " · not recognised"}`;
  $("gauge-fill").style.width = part(similarity);
  $("gauge-threshold").hidden = threshold == null;
  if (threshold != null) $("gauge-threshold").style.left = part(threshold);
  $("gauge").setAttribute("aria-label", `Similarity ${signed(similarity, 2)}, threshold ${threshold?.toFixed(2) ?? "unknown"}`);
  const named = gallery?.rank === 1;
  $("verdict").textContent = same_person ? "Still recognised as the same person."
    : named ? "Below the threshold, and yet first in the gallery." : "No longer recognised as the same person.";
  $("verdict").className = `verdict ${same_person || named ? "known" : "hidden-face"}`;
  $("rank").textContent = gallery ? `${gallery.rank ?? "beyond 1000"} of ${gallery.subjects} (${gallery.subject})` : "nobody enrolled looks like this";
  $("covered").textContent = `${percent(covered)} of the face and what is around it`;
  $("took").textContent = `${Math.round(took)} ms`;
  $("mask-text").textContent = mask;
  moves = [...moves, similarity].slice(-MOVES);
  spark(threshold);
}

/** The similarity over the last moves. */
function spark(threshold) {
  const y = (value) => 38 - 36 * Math.min(Math.max(value, 0), 1);
  const line = moves.map((value, at) => `${at ? "L" : "M"}${(200 * at) / Math.max(moves.length - 1, 1)} ${y(value)}`).join("");
  const limit = threshold == null ? [] : [make("svg:line", { x1: 0, x2: 200, y1: y(threshold), y2: y(threshold) })];
  $("spark").replaceChildren(...limit, make("svg:path", { d: line }));
}

/** Has the server forget a photograph; one that it forgot by itself is no error. */
const forget = ({ session }) => api.remove(`/v1/sessions/${session}`).catch(() => {});

/** Gives the face up, and whatever is still being opened. */
function close() {
  opens++;
  if (session) forget(session);
  session = null;
  box.show(null);
  $("mask-body").hidden = $("badge").hidden = true;
}

async function open() {
  close();
  const turn = opens;
  if (!photo.faces.length || $("mask").hidden) return;
  await showing($("mask-problem"), async () => {
    const fields = { image: photo.blob, face: photo.chosen, reference: $("mask-reference").files[0] };
    const opened = await api.post("/v1/sessions", fields);
    if (turn !== opens) return forget(opened);
    session = opened;
    moves = [];
    $("stripped").textContent = "";
    $("mask-body").hidden = false;
    box.show(placed(), session.frame);
    await put(mask);
  });
}

async function saveMasked() {
  if (mask === "none") throw new Error("Choose a mask first.");
  const answer = await api.post("/v1/mask", { image: photo.blob, mask });
  savePng(answer.image, `${stem(photo.name)}-masked.png`);
  const removed = answer.stripped.length ? `Taken out of it: ${answer.stripped.join(", ")}.` : "There was no metadata to take out.";
  $("stripped").textContent = `All ${answer.faces} faces are masked. ${removed}`.replace("All 1 faces are", "The face is");
}

/** Opens the face anew when the tab is shown, and hides the mask when it is left. */
export function showMask(visible) {
  if (visible && !session) {
    if (!photo.blob) $("mask-problem").textContent = "Choose a photograph first.";
    else if (!photo.faces.length) $("mask-problem").textContent = "No face was found in this photograph.";
    else open();
  } else if (visible) {
    box.show(placed(), session.frame);
    $("badge").hidden = false;
  } else {
    box.show(null);
    $("badge").hidden = true;
  }
}

export function startMask(masks) {
  presets(masks);
  const anew = () => {
    close();
    showMask(!$("mask").hidden);
  };
  photo.addEventListener("photo", anew);
  photo.addEventListener("face", anew);
  $("mask-reference").addEventListener("change", anew);
  $("want-map").addEventListener("change", () => put(mask));
  $("save-masked").addEventListener("click", () => showing($("mask-problem"), saveMasked));
}
