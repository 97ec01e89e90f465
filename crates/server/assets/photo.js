// The photograph that is worked on, and the faces found in it.

import * as api from "./api.js";
import { $, make, showing } from "./dom.js";
import { drawFaces } from "./stage.js";

/** `blob` and `name` of the photograph, `faces` in it, and which of them is `chosen`. Sends `photo` and `face`. */
export const photo = Object.assign(new EventTarget(), { blob: null, name: "", faces: [], chosen: 0 });

let camera = null;
let loads = 0;

export async function load(blob, name) {
  const load = ++loads;
  await showing($("photo-problem"), async () => {
    $("photo-status").textContent = "Looking for faces …";
    try {
      const found = await api.post("/v1/faces", { image: blob });
      if (load !== loads) return;
      Object.assign(photo, { blob, name, chosen: nearest(found), ...found });
      URL.revokeObjectURL($("shown").src);
      $("shown").src = URL.createObjectURL(blob);
      $("shown").alt = `The photograph ${name}`;
      $("stage").hidden = $("another").hidden = false;
      $("drop").hidden = true;
      const count = photo.faces.length;
      const many = count === 1 ? "1 face" : `${count} faces: choose one by clicking on it`;
      $("photo-status").textContent = count ? many : "No face was found. Explanations of classes work all the same.";
      drawFaces(photo, choose);
      photo.dispatchEvent(new Event("photo"));
    } finally {
      if ($("photo-status").textContent.endsWith("…")) $("photo-status").textContent = "";
    }
  });
}

/** The face nearest to the middle, as the server chooses too. */
function nearest({ faces, width, height }) {
  const distance = ({ box: [x, y, w, h] }) => Math.hypot(x + w / 2 - width / 2, y + h / 2 - height / 2);
  return faces.reduce((best, face, at) => (distance(face) < distance(faces[best]) ? at : best), 0);
}

function choose(index) {
  photo.chosen = index;
  drawFaces(photo, choose);
  document.querySelectorAll("#marks [role=button]")[index].focus();
  photo.dispatchEvent(new Event("face"));
}

async function start() {
  $("camera").disabled = true;
  await showing($("photo-problem"), async () => {
    if (!navigator.mediaDevices) throw new Error("A browser gives the camera only to https:// and to localhost.");
    try {
      camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
    } catch (error) {
      throw new Error(`There is no camera to use (${error.message}). Choose a file instead.`);
    }
    $("video").srcObject = camera;
    await $("video").play();
    $("camera-box").hidden = false;
    $("drop").hidden = true;
  });
  $("camera").disabled = false;
}

function stop() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  $("camera-box").hidden = true;
  $("drop").hidden = false;
}

function shoot() {
  const video = $("video");
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => { stop(); load(blob, "camera.png"); }, "image/png");
}

async function showExamples() {
  const { examples } = await api.get("/v1/examples");
  $("examples").replaceChildren(...examples.map(({ name, title, credit, url }) => {
    const button = make("button", { type: "button", title: `${title}. ${credit}` },
      make("img", { src: url, alt: "" }), make("span", { textContent: title }), make("small", { textContent: credit }));
    button.dataset.testid = `example-${name}`;
    button.addEventListener("click", async () => load(await (await fetch(url)).blob(), name));
    return button;
  }));
}

export function startPhoto() {
  const take = (file) => file && load(file, file.name || "pasted.png");
  $("file").addEventListener("change", (event) => { take(event.target.files[0]); event.target.value = ""; });
  $("camera").addEventListener("click", start);
  $("camera-stop").addEventListener("click", stop);
  $("shoot").addEventListener("click", shoot);
  $("another").addEventListener("click", () => {
    $("drop").hidden = false;
    $("drop").scrollIntoView({ block: "nearest" });
    $("camera").previousElementSibling.querySelector("input").focus();
  });
  const isOver = (over) => (event) => { event.preventDefault(); $("drop").classList.toggle("over", over); };
  $("photo").addEventListener("dragover", isOver(true));
  $("photo").addEventListener("dragleave", isOver(false));
  $("photo").addEventListener("drop", (event) => { isOver(false)(event); take(event.dataTransfer.files[0]); });
  // A file that misses the field must not replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
  window.addEventListener("paste", (event) => take([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))));
  return showing($("photo-problem"), showExamples);
}
