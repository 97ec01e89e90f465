// Every request of the server, from its OpenAPI description, to read and to try.

import { token } from "./api.js";
import { $, make, showing } from "./dom.js";

const description = await showing($("problem"), async () => (await fetch("/openapi.json")).json());

function resolve(schema) {
  const name = schema?.$ref?.split("/").at(-1);
  return name ? description.components.schemas[name] : schema;
}

/** The part of a field's schema that is not null. */
const given = (schema) => resolve((schema.oneOf ?? schema.anyOf ?? [schema]).find((one) => one.type !== "null"));

const isPicture = (schema) => schema.contentEncoding === "base64" || schema.contentMediaType === "image/*";

function control(name, schema, required) {
  const own = given(schema);
  const several = own.type === "array";
  const types = [own.type].flat();
  const input = isPicture(several ? given(own.items) : own)
    ? make("input", { type: "file", accept: "image/png,image/jpeg", multiple: several })
    : types.includes("boolean") ? make("input", { type: "checkbox" }) : make("input", { autocomplete: "off" });
  Object.assign(input, { name, required });
  const text = schema.description ?? own.description ?? "";
  return make("label", {}, make("b", { textContent: name }), required ? " (needed) " : " ", input, make("span", { className: "small", textContent: text }));
}

async function tell(response, place) {
  const kind = response.headers.get("content-type") ?? "";
  const line = make("p", { className: "small", textContent: `${response.status} ${response.statusText} ${kind}` });
  if (kind.startsWith("image/")) return place.replaceChildren(line, make("img", { src: URL.createObjectURL(await response.blob()), alt: "The answer" }));
  let text = await response.text();
  if (kind.includes("json") && text) {
    const short = (_, value) => (typeof value === "string" && value.length > 300 ? `${value.slice(0, 40)}… (${value.length} characters)` : value);
    text = JSON.stringify(JSON.parse(text, short), null, 2);
  }
  place.replaceChildren(line, make("pre", { tabIndex: 0, textContent: text.slice(0, 20_000) }));
}

function operation(path, method, about) {
  const body = about.requestBody && resolve(about.requestBody.content["application/json"].schema);
  const form = make("form");
  for (const { name, description } of about.parameters ?? []) form.append(control(name, { description }, true));
  for (const [name, schema] of Object.entries(body?.properties ?? {})) form.append(control(name, schema, body.required?.includes(name) ?? false));
  const accept = make("select", { name: "accept" }, ...["application/json", "image/png", "application/x-npy"].map((kind) => make("option", { textContent: kind })));
  const answer = make("div", { ariaLive: "polite" });
  const problem = make("p", { className: "error" });
  if (body) form.append(make("label", {}, "Answer as ", accept));
  form.append(make("p", { className: "row" }, make("button", { className: "primary", textContent: "Send" })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    showing(problem, async () => {
      const fields = new FormData();
      let url = path;
      for (const input of form.querySelectorAll("input")) {
        if (path.includes(`{${input.name}}`)) url = url.replace(`{${input.name}}`, encodeURIComponent(input.value));
        else if (input.type === "file") [...input.files].forEach((file) => fields.append(input.name, file));
        else if (input.type === "checkbox") input.checked && fields.append(input.name, "true");
        else if (input.value) fields.append(input.name, input.value);
      }
      const headers = { accept: accept.value };
      const secret = $("token").value.trim() || token.get();
      if (secret) headers.authorization = `Bearer ${secret}`;
      await tell(await fetch(url, { method: method.toUpperCase(), headers, body: body ? fields : undefined }), answer);
    });
  });
  const summary = make("summary", {}, make("span", { className: "method", textContent: method.toUpperCase() }), make("code", { textContent: path }));
  const text = [about.summary, about.description].filter(Boolean).join(" ");
  return make("details", { className: "operation" }, summary, make("div", {}, make("p", { textContent: text }), form, problem, answer));
}

if (description) {
  $("about").textContent = description.info.description;
  for (const { name, description: text } of description.tags) {
    const of = Object.entries(description.paths).flatMap(([path, methods]) => Object.entries(methods)
      .filter(([, about]) => about.tags?.includes(name)).map(([method, about]) => operation(path, method, about)));
    $("operations").append(make("h2", { textContent: name[0].toUpperCase() + name.slice(1) }), make("p", { className: "small", textContent: text }), ...of);
  }
}
