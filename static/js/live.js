// The live log table. htmx asks every few seconds; here it is held back while the reader reads, and what is new is marked.

const READING_PX = 160; // scrolled this far, the reader is in the list and not at its edge
const region = () => document.querySelector("[data-results][data-live]");
const words = () => document.querySelector("[data-live-words]");

export const reasonToWait = (results) => {
  if (document.hidden) return "Paused in the background";
  if (scrollY > READING_PX) return "Paused while you scroll";
  if (results.querySelector(".is-chosen")) return "Paused on the chosen row";
  if (results.contains(document.activeElement) && document.activeElement.matches(":focus-visible")) return "Paused while you read";
  if (results.querySelector(".chart-tip, details[open]")) return "Paused while you read the chart";
  if (String(getSelection()) !== "" && results.contains(getSelection().anchorNode)) return "Paused while you select";
  return "";
};

export const say = (text, isStale) => {
  const place = words();
  if (!place || place.textContent === text) return;
  place.textContent = text;
  place.classList.toggle("stale", isStale);
  place.classList.toggle("dim", !isStale);
};

// tail.js then has the word.
const isStreamed = () => region()?.dataset.tail !== undefined;
const isPoll = (event) => event.detail.elt === region();
let lastUpdate = Date.now();
let known = new Set();

const ids = () => [...document.querySelectorAll("#results [data-row]")].map((row) => row.dataset.id);

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isPoll(event)) return;
  const reason = reasonToWait(event.detail.elt);
  known = new Set(ids());
  if (!reason) return;
  event.preventDefault();
  if (!isStreamed()) say(`${reason} · ${age()}`, false);
});

const age = () => {
  const seconds = Math.round((Date.now() - lastUpdate) / 1000);
  return seconds < 5 ? "updated now" : `updated ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} ago`;
};

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.elt.id !== "results") return;
  lastUpdate = Date.now();
  if (event.detail.requestConfig?.elt?.id !== "results" || known.size === 0) return;
  for (const row of document.querySelectorAll("#results [data-row]")) {
    if (!known.has(row.dataset.id)) row.classList.add("is-new");
  }
});

for (const trouble of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(trouble, () => {
    if (region() && !isStreamed()) say(`No answer from the server · ${age()}`, true);
  });
}
