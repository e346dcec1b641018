// The keyboard: "/" search, j and k through [data-row], Enter opens, "[" and "]" turn pages, "l" is live, "g" goes, "?" helps.

const isTyping = (element) => element.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]") !== null;
const rows = () => [...document.querySelectorAll("[data-rows] [data-row]")].filter((row) => row.offsetParent !== null);
const chosen = () => document.querySelector("[data-row].is-chosen");
// One selector with a comma would give whichever stands first, and filters stand before the row's own link.
const linkOf = (row) => row?.querySelector(".row-link[href]") ?? row?.querySelector("a[href]");

const move = (by) => {
  const all = rows();
  if (all.length === 0) return;
  const at = all.indexOf(chosen());
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))];
  chosen()?.classList.remove("is-chosen");
  next.classList.add("is-chosen");
  // The focus goes along, so that Enter, screen readers and the next Tab all agree on the row.
  linkOf(next)?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  // Who opens it and comes back goes on from here; the page itself is drawn anew.
  history.replaceState({ ...history.state, row: linkOf(next)?.getAttribute("href") }, "");
};

const comeBack = () => {
  const { row: href } = history.state ?? {};
  if (!href || chosen() || document.activeElement !== document.body) return;
  const row = rows().find((each) => linkOf(each)?.getAttribute("href") === href);
  if (!row) return;
  row.classList.add("is-chosen");
  linkOf(row).focus({ preventScroll: true });
};
// Only on the way back: whoever loads the page anew begins anew.
if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") comeBack();

const focusSearch = () => {
  const field = document.querySelector("[data-search]");
  field?.focus();
  field?.select?.();
};

// Who was within comes back to the button: what has the focus must not vanish.
const closeMenu = (menu) => {
  if (!menu) return;
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
};

const GO = {
  s: "services", l: "logs", m: "metrics", e: "endpoints", c: "consumers", i: "issues", o: "monitors", a: "alerts", h: "health",
};
let goingSince = -Infinity; // timeStamp counts from the page's own start

const go = (key) => {
  document.querySelector(`.nav-link[data-section="${GO[key]}"]`)?.click();
};

const actions = {
  "/": focusSearch,
  j: () => move(1),
  k: () => move(-1),
  "[": () => document.querySelector('a[rel="prev"]')?.click(),
  "]": () => document.querySelector('a[rel="next"]')?.click(),
  l: () => document.querySelector("[data-live-switch]")?.click(),
  "?": () => document.querySelector("[data-keys-help]")?.showModal(),
  Enter: () => {
    // A focused link or button has its own Enter.
    if (document.activeElement === document.body) linkOf(chosen())?.click();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") {
    closeMenu(document.querySelector("details.menu[open]"));
    if (event.target.matches("[data-search]")) event.target.blur();
    return;
  }
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "g") {
    goingSince = event.timeStamp;
    return;
  }
  if (event.key in GO && event.timeStamp - goingSince < 1000) {
    goingSince = -Infinity;
    go(event.key);
    return;
  }
  const act = actions[event.key];
  if (!act) return;
  if (event.key !== "Enter") event.preventDefault();
  act();
});

// A click anywhere on a row opens it, unless it meant something else: a link, a button, or a selection of text.
document.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  if (!row || event.target.closest("a, button, input, label, summary")) return;
  if (String(getSelection()) !== "") return;
  const link = linkOf(row);
  if (!link) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
});
