// Enrol, recognise, forget.

import * as api from "./api.js";
import { $, bar, make, showing, signed, table } from "./dom.js";
import { photo } from "./photo.js";

let role = null;

const say = (text, className = "") => Object.assign($("gallery-said"), { textContent: text, className });

/** Somebody's name, from the field. */
function subject() {
  const name = $("subject").value.trim();
  if (!name) throw new Error("Write the person's name first.");
  return name;
}

function image() {
  if (!photo.blob) throw new Error("There is no photograph yet. Choose one on the left, or above.");
  return photo.blob;
}

async function enrol() {
  const fields = { subject: subject(), images: image(), purpose: $("purpose").value, consent: $("consent").value, keep_until: $("keep-until").value };
  const { subject: enrolled, added, new: isNew } = await api.post("/v1/enrol", fields);
  say(added ? `${enrolled.name} is enrolled${isNew ? "" : " with one more photograph"}. The photograph itself is not kept.`
    : `${enrolled.name} was enrolled from this very photograph already.`);
  await list();
}

async function verify() {
  const result = await api.post("/v1/verify", { subject: subject(), image: image() });
  const { accepted, threshold } = result.decision;
  say(`${accepted ? "Yes" : "No"}: the similarity to ${result.subject} is ${signed(result.similarity, 3)}, `
    + `${accepted ? "at least" : "less than"} ${threshold.toFixed(3)}.`, accepted ? "good" : "");
}

async function identify() {
  const { candidates, decision } = await api.post("/v1/identify", { image: image(), top: 5 });
  say(decision.accepted ? `This is ${decision.subject}.` : "Nobody in the gallery: no similarity reaches the threshold.", decision.accepted ? "good" : "");
  $("candidates").replaceChildren(...candidates.map(({ rank, subject, similarity }) => {
    const limit = make("b", { title: `threshold ${decision.threshold.toFixed(3)}` });
    limit.style.left = `${100 * decision.threshold}%`;
    return bar(`${rank}. ${subject}`, Math.max(similarity, 0), signed(similarity, 3), limit);
  }));
}

async function forget(name) {
  $("forget-name").textContent = name;
  $("forget").returnValue = "no";
  $("forget").showModal();
  await new Promise((closed) => $("forget").addEventListener("close", closed, { once: true }));
  if ($("forget").returnValue !== "yes") return;
  await api.postJson("/v1/forget", { subject: name });
  $("candidates").replaceChildren();
  say(`${name} is forgotten: key, templates and name are erased.`);
  await list();
}

const day = (seconds) => (seconds == null ? "–" : new Date(1000 * seconds).toISOString().slice(0, 10));

async function list() {
  if (role !== "admin") return;
  const { subjects } = await api.get("/v1/gallery");
  if (!subjects.length) return $("gallery-list").replaceChildren(make("p", { className: "small", textContent: "Nobody yet." }));
  const rows = subjects.map(({ name, templates, enrolled, keep_until }) => {
    const button = make("button", { type: "button", textContent: "Forget", ariaLabel: `Forget ${name}` });
    button.addEventListener("click", () => showing($("gallery-problem"), () => forget(name)));
    button.dataset.testid = "forget-run";
    const until = keep_until == null ? "–" : day(keep_until - 1);
    const cells = [name, templates, day(enrolled), until].map((text) => make("td", { textContent: text }));
    return make("tr", {}, ...cells, make("td", {}, button));
  });
  $("gallery-list").replaceChildren(table(["Name", "Photographs", "Since", "Matched until", ""], rows));
}

export const showGallery = () => !$("gallery-body").hidden && showing($("gallery-problem"), list);

export function startGallery(status) {
  role = status.role;
  $("gallery-off").hidden = status.gallery;
  $("gallery-body").hidden = !status.gallery || !["operator", "admin"].includes(role);
  $("gallery-role").hidden = !status.gallery || role === "admin";
  $("gallery-role").textContent = role === "operator" ? "Who is enrolled is shown to the role admin." : "The gallery needs the role operator.";
  $("list-title").hidden = role !== "admin";
  $("gallery-list").replaceChildren();
  if (startGallery.done) return;
  startGallery.done = true;
  const does = (id, work) => $(id).addEventListener("click", () => {
    say("");
    $("candidates").replaceChildren();
    showing($("gallery-problem"), work);
  });
  photo.addEventListener("photo", () => {
    say("");
    $("candidates").replaceChildren();
  });
  $("enrol-form").addEventListener("submit", (event) => event.preventDefault());
  does("enrol-run", enrol);
  does("verify-run", verify);
  does("identify-run", identify);
}
