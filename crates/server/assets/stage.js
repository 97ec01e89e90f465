// What lies over the photograph: frames around faces, and a mask that is dragged.

import { $, ARROWS, make } from "./dom.js";

export function drawFaces({ faces, chosen, width, height }, choose) {
  const marks = $("marks");
  marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
  marks.replaceChildren(...faces.flatMap(({ box: [x, y, w, h], score }, index) => {
    const place = { x, y, width: w, height: h, rx: w / 20 };
    const face = make("svg:rect", { ...place, class: "face", tabindex: 0, role: "button",
      "aria-pressed": index === chosen, "aria-label": `Face ${index + 1}, confidence ${Math.round(100 * score)} %` });
    face.addEventListener("click", () => choose(index));
    face.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), choose(index)));
    return [make("svg:rect", { ...place, class: "face under" }), face];
  }));
}

/** The least side of a mask, and how far from the middle it may reach, in eye distances. */
const LEAST = 0.1;
const MOST = 4;

/** A box that is moved, within reach. */
function moved([l, t, r, b], dx, dy) {
  const [x, y] = [Math.min(Math.max(dx, -MOST - l), MOST - r), Math.min(Math.max(dy, -MOST - t), MOST - b)];
  return [l + x, t + y, r + x, b + y];
}

/**
 * A box on the chosen face, [left, top, right, bottom] in eye distances from the middle between the eyes, that is moved
 * with the mouse, a finger or the arrow keys and resized at its corner or with Shift and the arrow keys.
 */
export class MaskBox {
  constructor(onMove) {
    this.onMove = onMove;
    this.box = null;
    this.group = make("svg:g", { class: "mask" });
    this.rect = make("svg:rect", { class: "box", tabindex: 0, role: "img", "data-testid": "mask-box" });
    this.rect.setAttribute("aria-label", "Mask: arrow keys move it, with Shift they resize it");
    this.handle = make("svg:circle", { class: "handle", r: 0.11 });
    this.group.append(this.rect, this.handle);
    this.#drag(this.rect, moved);
    this.#drag(this.handle, ([l, t, r, b], dx, dy) => [l, t, Math.max(r + dx, l + LEAST), Math.max(b + dy, t + LEAST)]);
    this.rect.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows `box` on the face with `frame`; nothing hides it. */
  show(box, frame) {
    this.box = box;
    this.group.remove();
    if (!box) return;
    const { origin: [x, y], right, down, d } = frame;
    const [a, b, c, e] = [right[0] * d, right[1] * d, down[0] * d, down[1] * d];
    this.inverse = [e, -c, -b, a].map((value) => value / (a * e - b * c));
    this.group.setAttribute("transform", `matrix(${a} ${b} ${c} ${e} ${x} ${y})`);
    $("marks").append(this.group);
    this.#place();
  }

  #place() {
    const [left, top, right, bottom] = this.box;
    for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) {
      this.rect.setAttribute(name, value);
    }
    this.handle.setAttribute("cx", right);
    this.handle.setAttribute("cy", bottom);
  }

  #moved(box) {
    this.box = box.map((value) => Math.min(Math.max(value, -MOST), MOST));
    this.#place();
    this.onMove(this.box);
  }

  #drag(element, change) {
    element.addEventListener("pointerdown", (down) => {
      down.preventDefault();
      element.setPointerCapture(down.pointerId);
      this.rect.focus();
      const start = this.box;
      const scale = $("marks").viewBox.baseVal.width / $("marks").getBoundingClientRect().width;
      const move = (event) => {
        const [dx, dy] = [(event.clientX - down.clientX) * scale, (event.clientY - down.clientY) * scale];
        const [a, c, b, e] = this.inverse;
        this.#moved(change(start, a * dx + c * dy, b * dx + e * dy));
      };
      element.addEventListener("pointermove", move);
      element.addEventListener("lostpointercapture", () => element.removeEventListener("pointermove", move), { once: true });
    });
  }

  #key(event) {
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    const [dx, dy] = ARROWS[event.key].map((step) => 0.05 * step);
    const [l, t, r, b] = this.box;
    if (event.shiftKey) this.#moved([l, t, Math.max(r + dx, l + LEAST), Math.max(b + dy, t + LEAST)]);
    else this.#moved(moved(this.box, dx, dy));
  }
}
