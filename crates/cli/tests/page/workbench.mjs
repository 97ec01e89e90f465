// The workbench as somebody uses it, in headless Chromium.
//
// usage: node workbench.mjs URL FOLDER PHOTOS CHROMIUM   (FOLDER has playwright-core; screenshots go to FOLDER/screenshots)

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [url, folder, photos, browserName] = process.argv.slice(2);
const { chromium } = createRequire(join(folder, "/"))("playwright-core");
const screenshots = join(folder, "screenshots");
const executablePath = execFileSync("which", [browserName], { encoding: "utf8" }).trim();
mkdirSync(screenshots, { recursive: true });

const args = ["--disable-quic", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
const browser = await chromium.launch({ executablePath, chromiumSandbox: false, args });
const complaints = [];
const elsewhere = [];

async function opened({ width = 1440, height = 1000, colorScheme = "light" } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text().slice(0, 300)));
  page.on("request", (request) => /^(data|blob):/.test(request.url()) || request.url().startsWith(url) || elsewhere.push(request.url()));
  await page.goto(url);
  await page.waitForSelector("html[data-ready]");
  return page;
}

const at = (page, id) => page.getByTestId(id);
const shot = (page, name) => page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
const settled = (page, id) => page.waitForFunction((id) => !document.querySelector(`[data-testid="${id}"]`).disabled, id);

async function downloaded(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return [download.suggestedFilename(), readFileSync(await download.path())];
}

async function open(page, name) {
  await page.setInputFiles('[data-testid="file-input"]', join(photos, name));
  await page.waitForFunction(() => /face/.test(document.querySelector('[data-testid="status-line"]').textContent)
    && !/…/.test(document.querySelector('[data-testid="status-line"]').textContent));
}

async function explain(page) {
  await at(page, "explain-run").click();
  await settled(page, "explain-run");
  assert.equal(await page.textContent("#explain-problem"), "");
}

const steps = {
  async "what is seen first"(page) {
    await page.locator("#examples img").first().waitFor();
    assert.match(await page.textContent("header"), /stays on this machine/);
    await shot(page, "start");
  },

  async "a photograph that is dropped"(page) {
    const bytes = readFileSync(join(photos, "astronaut.png")).toString("base64");
    const files = await page.evaluateHandle((base64) => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
      data.items.add(new File([bytes], "astronaut.png", { type: "image/png" }));
      return data;
    }, bytes);
    await page.dispatchEvent("#photo", "drop", { dataTransfer: files });
    await page.getByText("1 face", { exact: true }).waitFor();
  },

  async "Grad-CAM, its values and its files"(page) {
    await explain(page);
    assert.match(await page.textContent("#explain-title"), /: [0-9.]+$/);
    assert.ok(await page.locator('[data-testid="region-table"] tr').count() > 10, "regions");
    await page.hover("#overlay");
    assert.match(await page.textContent("#overlay-value"), /Row \d+, column \d+ of 7 × 7/);
    await page.focus("#overlay");
    await page.keyboard.press("ArrowRight");
    const pixel = () => page.evaluate(() => document.querySelector("#overlay").getContext("2d").getImageData(200, 150, 1, 1).data.join());
    const before = await pixel();
    await at(page, "overlay-opacity").fill("1");
    assert.notEqual(await pixel(), before, "the slider changes the picture");
    await at(page, "overlay-opacity").fill("0.5");
    await shot(page, "explain");
    const [figure, png] = await downloaded(page, "#save-figure");
    assert.ok(figure === "astronaut-cam.png" && png.subarray(1, 4).equals(Buffer.from("PNG")), figure);
    const [array, npy] = await downloaded(page, "#save-array");
    assert.ok(array === "astronaut-cam.npy" && npy.subarray(1, 6).equals(Buffer.from("NUMPY")), array);
    const [report, html] = await downloaded(page, "#save-report");
    assert.ok(report === "astronaut-cam.html" && /model_sha256/.test(html), report);
  },

  async "another layer, another model, another method"(page) {
    const title = await page.textContent("#explain-made");
    const layers = await at(page, "layer-select").locator("option").allTextContents();
    await at(page, "layer-select").selectOption(layers[Math.floor(layers.length / 2)]);
    await explain(page);
    assert.notEqual(await page.textContent("#explain-made"), title);
    await at(page, "method-select").selectOption("occlusion");
    await at(page, "target-select").selectOption("class");
    await page.fill("#explain-class", "bobsled");
    await explain(page);
    assert.match(await page.textContent("#explain-title"), /^bobsled/);
    await shot(page, "occlusion");
    await page.fill("#explain-class", "unicorn");
    await at(page, "explain-run").click();
    await page.waitForFunction(() => document.querySelector("#explain-problem").textContent.includes("unicorn"));
    complaints.length = 0; // Chromium tells of the 400 that was meant.
  },

  async "a mask that is dragged"(page) {
    await open(page, "ardern-2018.jpg");
    await at(page, "tab-mask").click();
    await page.setInputFiles("#mask-reference", join(photos, "ardern-2022.jpg"));
    const value = () => page.textContent('[data-testid="similarity-value"]');
    await page.waitForFunction(() => /0\.\d+/.test(document.querySelector('[data-testid="similarity-value"]').textContent));
    const bare = Number(await value());
    assert.match(await page.textContent('[data-testid="verdict"]'), /Still/);
    await at(page, "mask-preset-eye-bar").click();
    await page.waitForFunction((bare) => Number(document.querySelector('[data-testid="similarity-value"]').textContent) < bare - 0.1, bare);
    const bar = await value();
    const box = await at(page, "mask-box").boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    for (let step = 1; step <= 12; step++) {
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 + 6 * step);
      await page.waitForTimeout(60);
    }
    await page.mouse.up();
    await page.waitForFunction((bar) => document.querySelector('[data-testid="similarity-value"]').textContent !== bar, bar);
    assert.match(await page.textContent("#mask-text"), /^custom:/);
    await at(page, "mask-box").focus();
    const text = await page.textContent("#mask-text");
    await page.keyboard.press("Shift+ArrowDown");
    await page.waitForFunction((text) => document.querySelector("#mask-text").textContent !== text, text);
    await page.waitForTimeout(500);
    await shot(page, "mask");
    await at(page, "mask-preset-face").click();
    await page.waitForFunction(() => /No longer/.test(document.querySelector('[data-testid="verdict"]').textContent));
    const [name] = await downloaded(page, "#save-masked");
    assert.equal(name, "ardern-2018-masked.png");
  },

  async "filters, and giving them up"(page) {
    await at(page, "tab-filters").click();
    await page.fill("#filters-which", "0..4");
    await page.fill("#filters-size", "64");
    await page.fill("#filters-steps", "12");
    await at(page, "filters-run").click();
    await page.locator('[data-testid="filters-grid"] figure').nth(3).waitFor();
    await shot(page, "filters");
    await page.fill("#filters-which", "0..64");
    await page.fill("#filters-steps", "512");
    await at(page, "filters-run").click();
    await page.click("#filters-cancel");
    await settled(page, "filters-run");
    assert.equal(await page.textContent("#filters-problem"), "");
  },

  async "enrol, identify, forget"(page) {
    await at(page, "tab-gallery").click();
    await at(page, "subject-name").fill("Jacinda Ardern");
    await page.fill("#purpose", "a test");
    await at(page, "enrol-run").click();
    await page.locator('[data-testid="gallery-list"] td').first().waitFor();
    await open(page, "ardern-2022.jpg");
    await at(page, "identify-run").click();
    await page.getByText("This is Jacinda Ardern.").waitFor();
    await at(page, "verify-run").click();
    await page.getByText(/^Yes: the similarity to Jacinda Ardern/).waitFor();
    await at(page, "identify-run").click();
    await page.locator('[data-testid="candidates"] .bar').first().waitFor();
    await shot(page, "gallery");
    await at(page, "tab-mask").click();
    await page.waitForFunction(() => /1 of 1/.test(document.querySelector("#rank").textContent));
    await at(page, "tab-gallery").click();
    await open(page, "sunak.jpg");
    await at(page, "identify-run").click();
    await page.getByText(/^Nobody in the gallery/).waitFor();
    await page.getByTestId("forget-run").click();
    await page.locator("#forget").waitFor();
    await shot(page, "forget");
    await at(page, "forget-confirm").click();
    await page.getByText(/Jacinda Ardern is forgotten/).waitFor();
    assert.match(await page.textContent('[data-testid="gallery-list"]'), /Nobody yet/);
  },

  async "with the keyboard alone"(page) {
    await page.focus("#tab-explain");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate(() => document.activeElement.id), "tab-mask");
    await page.keyboard.press("End");
    assert.equal(await page.evaluate(() => document.activeElement.id), "tab-about");
    await shot(page, "about");
  },

  async "a picture of the camera"(page) {
    await page.click("#another");
    await page.click("#camera");
    await page.waitForFunction(() => document.querySelector("#video").videoWidth > 0);
    await page.click("#shoot");
    await page.getByText(/No face was found|face/).first().waitFor();
  },

  async "what is no picture"(page) {
    await page.click("#another");
    await page.setInputFiles('[data-testid="file-input"]', { name: "no.png", mimeType: "image/png", buffer: Buffer.from("no") });
    await page.waitForFunction(() => document.querySelector('[data-testid="problem"]').textContent.includes("image"));
    complaints.length = 0; // As above.
  },
};

let page = await opened();
for (const [name, step] of Object.entries(steps)) {
  const start = Date.now();
  try {
    await step(page);
  } catch (error) {
    await shot(page, "failed");
    console.error(`${name}: ${error.stack}\n${complaints.join("\n")}`);
    process.exit(1);
  }
  console.log(`${name}: ${Date.now() - start} ms`);
}

for (const look of [{ width: 360, height: 740 }, { width: 768, height: 1000, colorScheme: "dark" }, { colorScheme: "dark" }]) {
  page = await opened(look);
  const name = `${look.width ?? 1440}-${look.colorScheme ?? "light"}`;
  await open(page, "ardern-2018.jpg");
  await explain(page);
  await shot(page, `explain-${name}`);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wider <= 0, `${name}: the page is ${wider} pixels wider than its window`);
  await at(page, "tab-mask").click();
  await at(page, "mask-preset-eyes-nose").click();
  await page.waitForFunction(() => document.querySelector("#mask-text").textContent === "eyes-nose");
  await page.waitForTimeout(500);
  await shot(page, `mask-${name}`);
  await page.goto(new URL("/docs", url).href);
  await page.locator(".operation").first().waitFor();
  await page.locator(".operation summary", { hasText: "/v1/mask" }).first().click();
  await shot(page, `docs-${name}`);
}

assert.deepEqual(complaints, [], "the browser complains");
assert.deepEqual(elsewhere, [], "nothing is asked of anybody else");
await browser.close();
