// Maps of numbers as colours over a picture.

import { bytes, make } from "./dom.js";

const tables = new Map();

/** 256 colours of red, green and blue. */
async function table(name) {
  if (name === "grey") return Uint8Array.from({ length: 768 }, (_, at) => Math.floor(at / 3));
  if (!tables.has(name)) {
    const response = await fetch(`/assets/${name}.rgb`);
    tables.set(name, new Uint8Array(await response.arrayBuffer()));
  }
  return tables.get(name);
}

/** An array of the server: shape, and values as little-endian f32 in base64. */
export function values({ shape, f32 }) {
  const [height, width] = shape.slice(-2);
  return { height, width, data: new Float32Array(bytes(f32).buffer) };
}

export async function picture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** Draws `map` over `image`: 0 is the first colour, the map's maximum the last. */
export async function draw(canvas, image, map, { colours = "turbo", opacity = 0.5 } = {}) {
  const palette = await table(colours);
  const cells = make("canvas", { width: map.width, height: map.height });
  const context = cells.getContext("2d");
  const pixels = context.createImageData(map.width, map.height);
  const most = map.data.reduce((most, value) => Math.max(most, value), 0) || 1;
  map.data.forEach((value, at) => {
    const index = 3 * Math.round(255 * Math.min(Math.max(value / most, 0), 1));
    pixels.data.set([palette[index], palette[index + 1], palette[index + 2], 255], 4 * at);
  });
  context.putImageData(pixels, 0, 0);
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const over = canvas.getContext("2d");
  over.drawImage(image, 0, 0);
  over.globalAlpha = opacity;
  over.imageSmoothingQuality = "high";
  over.drawImage(cells, 0, 0, canvas.width, canvas.height);
}
