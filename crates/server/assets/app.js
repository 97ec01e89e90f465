// The workbench: its tabs, and who uses it.

import * as api from "./api.js";
import { $, showing } from "./dom.js";
import { startExplain } from "./explain.js";
import { startFilters } from "./filters.js";
import { showGallery, startGallery } from "./gallery.js";
import { showMask, startMask } from "./masking.js";
import { startPhoto } from "./photo.js";

const tabs = [...document.querySelectorAll("[role=tab]")];

function open(tab, focus = false) {
  for (const other of tabs) {
    const is = other === tab;
    other.ariaSelected = is;
    other.tabIndex = is ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = !is;
  }
  if (focus) tab.focus();
  showMask(tab.id === "tab-mask");
  if (tab.id === "tab-gallery") showGallery();
  history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
}

function startTabs() {
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 };
      if (event.key in steps) (event.preventDefault(), open(tabs.at(steps[event.key] % tabs.length), true));
    });
  });
  open(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) ?? tabs[0]);
}

/** Who the server takes this page for; asks for a token where one is needed. */
async function signIn() {
  for (let wrong = ""; ; wrong = "This token is not known, or has expired.") {
    const status = await api.get("/v1/status");
    if (status.role) {
      $("sign-out").hidden = !status.token_required;
      return status;
    }
    $("sign-in-error").textContent = api.token.get() ? wrong : "";
    $("token").value = "";
    if (!$("sign-in").open) $("sign-in").showModal();
    await new Promise((closed) => $("sign-in").addEventListener("close", closed, { once: true }));
    // Anything else cannot stand in a header.
    api.token.set($("token").value.replace(/[^\x21-\x7e]/g, ""));
  }
}

await showing($("photo-problem"), async () => {
  const status = await signIn();
  const { models } = await api.get("/v1/models");
  startExplain(models);
  startMask(status.masks);
  startFilters(models);
  startGallery(status);
  $("about-version").textContent = `Eyebar ${status.version}, on ${status.threads} threads of this server.`;
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
    document.querySelector(".privacy").textContent = `Everything stays on ${location.hostname}: photographs are worked on in memory there and never stored.`;
  }
  startTabs();
  await startPhoto();
  window.addEventListener("signed-out", async () => {
    api.token.forget();
    startGallery(await signIn());
  });
});
$("sign-out").addEventListener("click", () => {
  api.token.forget();
  location.reload();
});
document.documentElement.dataset.ready = "";
