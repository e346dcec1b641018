// The search box offers what may stand under the caret: fields, as its data-offers has them, and their values, those in the
// logs with how many requests have each. [data-completes] is where values are counted. Nothing is taken unless chosen.
const MOST = 20;
const VALUES = 200;
const PAUSE_MS = 120;
const REMEMBER_MS = 60_000;
// What narrows the values to those of what the page is about.
const OF_THE_PAGE = ["service_id", "mode"];

const box = document.querySelector("[data-completes]");
const offers = JSON.parse(box?.dataset.offers ?? "[]");

// ---- What stands under the caret ----

const TOKEN = /-?(?:[A-Za-z_]+:)?(?:"(?:[^"\\]|\\.)*(?:"\S*|$)|\S*)/y;
const TYPED = /^(-?)(?:([A-Za-z_]+):)?(.*)$/s;

// Its beginning and end, and what of it stands before the caret; null at the front of a token.
const tokenAt = (text, caret) => {
  let at = 0;
  for (;;) {
    while (at < caret && /\s/.test(text[at])) at += 1;
    if (at >= caret) return /^\S/.test(text.slice(caret)) ? null : { start: caret, end: caret, typed: "" };
    TOKEN.lastIndex = at;
    const end = Math.max(at + TOKEN.exec(text)[0].length, at + 1);
    if (caret <= end) return { start: at, end, typed: text.slice(at, caret) };
    at = end;
  }
};

// ---- What may be meant ----

const counted = new Map();

const valuesOf = (field) => {
  const asked = new URLSearchParams({ fields: field, limit: VALUES });
  const here = new URLSearchParams(new FormData(box.form));
  for (const name of OF_THE_PAGE) if (here.get(name)) asked.set(name, here.get(name));
  const address = `${box.dataset.completes}?${asked}`;
  const known = counted.get(address);
  if (known && Date.now() - known.at < REMEMBER_MS) return known.values;
  const values = fetch(address)
    .then((answer) => (answer.ok ? answer.json() : { facets: [] }))
    .then(({ facets }) => facets[0]?.values ?? [])
    .catch(() => []);
  counted.set(address, { at: Date.now(), values });
  return values;
};

const fieldsLike = (minus, word) =>
  offers
    .filter(({ field }) => field.startsWith(word.toLowerCase()))
    .map(({ field, means }) => ({ put: `${minus}${field}:`, shown: `${minus}${field}:`, beside: means }));

const valuesLike = async (minus, { field, values, isCounted }, typed) => {
  const word = typed.replace(/^"/, "").toLowerCase();
  const fixed = values
    .filter((value) => value.startsWith(word))
    .map((value) => ({ put: `${minus}${field}:${value}`, shown: value, beside: "" }));
  if (!isCounted) return fixed;
  const found = (await valuesOf(field)).filter(({ name }) => name.toLowerCase().includes(word));
  return found.map(({ only, name, count }) => ({ put: minus + only, shown: name, beside: count.toLocaleString("en") }));
};

const choicesFor = async (token, isAsked) => {
  const [, minus, name, word] = TYPED.exec(token.typed);
  if (name === undefined) return word || isAsked ? fieldsLike(minus, word) : [];
  const offer = offers.find(({ field }) => field === name.toLowerCase());
  return offer ? valuesLike(minus, offer, word) : [];
};

// ---- The list ----

const list = document.createElement("ul");
list.className = "completions";
list.id = "completions";
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "What may stand here");
list.hidden = true;

let place = null;
let choices = [];
let chosen = -1;
let asking = 0;

const close = () => {
  asking += 1;
  list.hidden = true;
  chosen = -1;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
};

const option = ({ shown, beside }, index) => {
  const element = document.createElement("li");
  element.id = `completion-${index}`;
  element.setAttribute("role", "option");
  element.dataset.index = index;
  const words = document.createElement("span");
  words.textContent = shown;
  const note = document.createElement("span");
  note.className = "dim";
  note.textContent = beside;
  element.append(words, note);
  return element;
};

const choose = (index) => {
  chosen = (index + choices.length) % choices.length;
  for (const element of list.children) element.setAttribute("aria-selected", String(Number(element.dataset.index) === chosen));
  const element = list.children[chosen];
  box.setAttribute("aria-activedescendant", element.id);
  element.scrollIntoView({ block: "nearest" });
};

const open = async ({ isAsked = false } = {}) => {
  const mine = (asking += 1);
  const token = box.selectionStart === box.selectionEnd ? tokenAt(box.value, box.selectionStart) : null;
  const found = token ? await choicesFor(token, isAsked) : [];
  if (mine !== asking || document.activeElement !== box) return;
  place = token;
  // What is there already needs no offer.
  choices = found.filter(({ put }) => put !== token.typed).slice(0, MOST);
  if (choices.length === 0) return close();
  list.replaceChildren(...choices.map(option));
  list.hidden = false;
  chosen = -1;
  box.setAttribute("aria-expanded", "true");
  box.removeAttribute("aria-activedescendant");
  if (isAsked) choose(0);
};

const take = (index) => {
  const { put } = choices[index];
  const isField = put.endsWith(":");
  const isLast = /^\s*$/.test(box.value.slice(place.end));
  box.setRangeText(isField || !isLast ? put : `${put} `, place.start, place.end, "end");
  close();
  box.dispatchEvent(new Event("input", { bubbles: true }));
};

let pause;
const onInput = () => {
  clearTimeout(pause);
  pause = setTimeout(open, PAUSE_MS);
};

const onKey = (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by && list.hidden) {
    if (by > 0) open({ isAsked: true });
  } else if (by) choose(chosen < 0 && by < 0 ? choices.length - 1 : chosen + by);
  else if (event.key === "Enter" && chosen >= 0) take(chosen);
  else if (event.key === "Escape" && !list.hidden) {
    // The first one closes the list, the next one leaves the box.
    event.stopPropagation();
    close();
  } else {
    if (event.key === "Enter" || event.key === "Tab") close();
    return;
  }
  event.preventDefault();
};

if (box && offers.length > 0) {
  box.after(list);
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-expanded", "false");
  box.addEventListener("input", onInput);
  box.addEventListener("keydown", onKey);
  box.addEventListener("blur", close);
  // The box keeps the focus, and with it the caret.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const element = event.target.closest("[role=option]");
    if (element) take(Number(element.dataset.index));
  });
}
