// What filters detect.

import * as api from "./api.js";
import { $, fill, make, png, running, savePng } from "./dom.js";

let figure = null;

async function run(signal, onProgress) {
  const value = (id) => $(`filters-${id}`).value;
  const fields = { model: value("model"), layer: value("layer"), filters: value("which"), steps: value("steps"), size: value("size") };
  const result = await api.watch("/v1/filters", fields, signal, onProgress);
  $("filters-grid").replaceChildren(...result.filters.map((filter) => {
    const picture = filter.image
      ? make("img", { src: png(filter.image), alt: `What filter ${filter.channel} responds to most` })
      : make("div", { className: "dead", textContent: "silent" });
    return make("figure", {}, picture, make("figcaption", { textContent: `Filter ${filter.channel}` }));
  }));
  figure = { base64: result.figure, name: `${result.model ?? fields.model}-${fields.layer}.png` };
  $("save-filters").hidden = false;
}

export function startFilters(all) {
  const models = all.filter(({ task }) => task !== "detector");
  fill($("filters-model"), models.map(({ name }) => [name]), "vgg16");
  const arrange = () => {
    const { layers, default_layer } = models.find(({ name }) => name === $("filters-model").value);
    fill($("filters-layer"), layers.map((layer) => [layer]), default_layer);
  };
  $("filters-model").addEventListener("change", arrange);
  arrange();
  $("filters-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const parts = { button: $("filters-run"), cancel: $("filters-cancel"), progress: $("filters-progress"), problem: $("filters-problem") };
    running(parts, run);
  });
  $("save-filters").addEventListener("click", () => savePng(figure.base64, figure.name));
}
