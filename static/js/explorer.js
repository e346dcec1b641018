// Values that can be searched for: [data-term] holds the term, [data-value] the text. Hovered or focused, each offers
// "only", "exclude" and "copy"; the keys o, e and c do the same. Beside that: the rail on phones, the menu of views.
import { copy, say } from "./copy.js";

const HOVER_MS = 250;
const PLACES = ["cursor", "offset", "live"];

// The address of the table with more in its search; a page of one log leads to the whole table.
const searchWith = (element, more) => {
  const { termsAt } = element.closest("[data-terms-at]")?.dataset ?? {};
  const url = new URL(termsAt ?? location.href, location.href);
  for (const name of PLACES) url.searchParams.delete(name);
  url.searchParams.set("q", `${url.searchParams.get("q") ?? ""} ${more}`.trim());
  return url.href;
};

const minus = (terms) => `-${terms}`;
// A row's link opens the row, and a service's name on the page of a log leads to the service.
const leadsElsewhere = (element) => element.matches(".row-link") || !element.search;
const onlyOf = (element) => (leadsElsewhere(element) ? searchWith(element, element.dataset.term) : element.href);
const withoutOf = (element) => element.dataset.without || searchWith(element, minus(element.dataset.term));

const copyOf = async (element) => say((await copy(element.dataset.value)) ? "Copied" : "Could not copy: select the text instead");

// ---- The three actions beside a value ----

const bar = document.createElement("div");
bar.className = "value-acts";
bar.setAttribute("role", "toolbar");
bar.hidden = true;
const only = document.createElement("a");
only.textContent = "Only";
const without = document.createElement("a");
without.textContent = "Exclude";
const copies = document.createElement("button");
copies.type = "button";
copies.textContent = "Copy";
bar.append(only, without, copies);
document.body.append(bar);

let shownFor = null;
let waiting;

const hide = () => {
  clearTimeout(waiting);
  bar.hidden = true;
  shownFor = null;
};

const show = (element) => {
  if (!element.isConnected) return;
  shownFor = element;
  bar.setAttribute("aria-label", element.dataset.value);
  only.href = onlyOf(element);
  without.href = withoutOf(element);
  bar.hidden = false;
  const box = element.getBoundingClientRect();
  const below = box.bottom + bar.offsetHeight < innerHeight;
  bar.style.left = `${Math.max(4, Math.min(box.left, innerWidth - bar.offsetWidth - 4))}px`;
  bar.style.top = `${below ? box.bottom : box.top - bar.offsetHeight}px`;
};

copies.addEventListener("click", () => {
  if (shownFor) copyOf(shownFor);
  hide();
});

// The rail has its own buttons beside each value.
const valueAt = (target) => target.closest?.("[data-term]:not(.facet-only)");

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch" || bar.contains(event.target)) return clearTimeout(waiting);
  const element = valueAt(event.target);
  clearTimeout(waiting);
  if (element && element !== shownFor) waiting = setTimeout(() => show(element), HOVER_MS);
  else if (!element && shownFor) waiting = setTimeout(hide, HOVER_MS);
});

document.addEventListener("focusin", (event) => {
  if (bar.contains(event.target)) return;
  const element = valueAt(event.target);
  // Going through rows with j and k would make it flicker along.
  if (element && !element.matches(".row-link") && element.matches(":focus-visible")) show(element);
  else hide();
});
document.addEventListener("scroll", hide, { capture: true, passive: true });
document.addEventListener("htmx:beforeSwap", hide);

// ---- Keys ----

const focused = () => {
  const element = document.activeElement?.closest("[data-term]");
  return element ?? document.querySelector("[data-row].is-chosen .row-link[data-term]");
};

const keys = {
  o: (element) => location.assign(onlyOf(element)),
  e: (element) => location.assign(withoutOf(element)),
  c: (element) => copyOf(element),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") return hide();
  if (event.target.closest("input, select, textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
  const element = focused();
  if (element && event.key in keys) {
    event.preventDefault();
    keys[event.key](element);
  }
});

// ---- A row as a command or as code: [data-copies] is the address that makes it ----

const FORMS = { curl: "cURL", httpie: "HTTPie", python: "Python", javascript: "JavaScript" };
const forms = document.createElement("div");
forms.className = "value-acts";
forms.setAttribute("role", "toolbar");
forms.setAttribute("aria-label", "Copy as");
forms.hidden = true;
document.body.append(forms);
let copiesOf = null;

const hideForms = () => {
  forms.hidden = true;
  copiesOf = null;
};

const copyAs = async (form) => {
  const address = `${copiesOf.dataset.copies}?as=${form}`;
  copiesOf.focus();
  hideForms();
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return say("Could not be read");
  const { words, text, notes } = await answer.json();
  say((await copy(text)) ? [`Copied as ${words}.`, ...notes].join(" ") : "Could not copy: open the request and select the text");
};

for (const [form, words] of Object.entries(FORMS)) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = words;
  button.addEventListener("click", () => copyAs(form));
  forms.append(button);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button || button === copiesOf) return forms.contains(event.target) || hideForms();
  hide();
  copiesOf = button;
  forms.hidden = false;
  const box = button.getBoundingClientRect();
  const below = box.bottom + forms.offsetHeight < innerHeight;
  forms.style.left = `${Math.max(4, Math.min(box.left, innerWidth - forms.offsetWidth - 4))}px`;
  forms.style.top = `${below ? box.bottom : box.top - forms.offsetHeight}px`;
  forms.firstElementChild.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || forms.hidden) return;
  copiesOf.focus();
  hideForms();
});
// Of the page, not of a cell, which scrolls to its button when that gets the focus.
document.addEventListener("scroll", hideForms, { passive: true });
document.addEventListener("htmx:beforeSwap", hideForms);

// ---- The rail, and saved views ----

// On a phone the values would stand between the filter and the rows: there they open when asked for.
if (matchMedia("(max-width: 60rem)").matches) document.querySelector("[data-rail-fold]")?.removeAttribute("open");

// The menu stands outside of what htmx swaps: what is saved is what the address says now.
document.addEventListener("submit", (event) => {
  const field = event.target.querySelector("[data-own-query]");
  if (!field) return;
  const params = new URLSearchParams(location.search);
  for (const name of [...PLACES, "view"]) params.delete(name);
  field.value = params.toString();
});
