// Pages of monitors that follow what changes. [data-stream] tells which monitors did; the list asks [data-rows-at]
// for the rows that are on screen, the others wait until they are scrolled to; a monitor's own page asks for itself
// and changes its [data-part]s. Without a stream both look every ten seconds.

const STEP_MS = 1_000;
const LOOK_MS = 10_000; // without a stream
const WHOLE_MS = 30_000; // with one: what only time changes, as how long ago
const SILENCE_MS = 40_000; // a stream is heard at least every 15 s
const RETRY_MS = 15_000;
const MOST_ASKED = 100;
const MOST_SHOWN = 2_000;
const ROWS_A_FRAME = 10; // put in at once: more would hold up the scrolling
const AHEAD_PX = 2_400; // older rows are fetched this far before their place is reached

const list = () => document.querySelector("[data-monitors]");
const page = () => document.querySelector("[data-monitor]");
const body = () => list()?.querySelector("[data-rows] tbody");
const rowOf = (id) => body()?.querySelector(`[data-row][data-id="${id}"]`);
const rows = () => [...(body()?.querySelectorAll("[data-row]") ?? [])];

let source = null;
let address = "";
let heardAt = 0;
let retryAt = 0;
let stale = new Set(); // rows that changed and are not asked for yet
let mustLook = false;
let lookedAt = Date.now();
let isAsking = false;
let grown = false; // more rows than the first page
let onScreen = new Set();

const isHeard = () => source !== null && heardAt > 0 && Date.now() - heardAt < SILENCE_MS;

const close = () => {
  source?.close();
  source = null;
  heardAt = 0;
};

const open = () => {
  close();
  retryAt = 0;
  const stream = new EventSource(address);
  source = stream;
  const read = (event) => {
    heardAt = Date.now();
    return JSON.parse(event.data);
  };
  stream.addEventListener("ready", (event) => {
    read(event);
    mustLook = true; // what came between the page and the stream
  });
  stream.addEventListener("changed", (event) => {
    const { ids } = read(event);
    if (ids.length === 0) mustLook = true;
    for (const id of ids) note(id);
  });
  stream.addEventListener("beat", read);
  stream.addEventListener("end", () => {
    close();
    retryAt = Date.now() + RETRY_MS;
  });
  stream.addEventListener("error", () => {
    heardAt = 0;
    // The browser tries again after a broken connection, and gives up on an answer that is no stream.
    if (stream === source && stream.readyState === EventSource.CLOSED) retryAt = Date.now() + RETRY_MS;
  });
};

// A monitor that is not in the list may be new, or one that the filters hold only now: newest first, by id.
const note = (id) => {
  if (page()) {
    mustLook = true;
    return;
  }
  const shown = rows();
  if (shown.length === 0 || rowOf(id)) {
    stale.add(id);
    return;
  }
  const isFirstPage = !list().querySelector('[rel="prev"]');
  const isBelow = id < shown[shown.length - 1].dataset.id;
  if (!isBelow && (isFirstPage || id < shown[0].dataset.id)) stale.add(id);
};

// --- The list --------------------------------------------------------------------------------------------------

const sight = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (isIntersecting) onScreen.add(target.dataset.id);
    else onScreen.delete(target.dataset.id);
  }
}, { rootMargin: "200px" });

const turn = new IntersectionObserver((seen) => {
  if (seen.some((each) => each.isIntersecting)) more();
}, { rootMargin: `${AHEAD_PX}px` });

const fetched = async (where) => {
  const answer = await fetch(where, { redirect: "error" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};

const enhance = (element) => element.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: element } }));

// Cell by cell: what is chosen, and where the keyboard is, stays.
const change = (row, fresh) => {
  for (const [at, cell] of [...row.cells].entries()) {
    const other = fresh.cells[at];
    if (!other || cell.classList.contains("m-choose") || cell.contains(document.activeElement)) continue;
    if (cell.isEqualNode(other)) continue;
    const placed = document.adoptNode(other.cloneNode(true));
    cell.replaceWith(placed);
    enhance(placed);
  }
};

const insert = (fresh) => {
  const row = document.adoptNode(fresh);
  const next = rows().find((other) => other.dataset.id < row.dataset.id);
  if (next) next.before(row);
  else body().append(row);
  sight.observe(row);
  enhance(row);
};

const recount = (answer) => {
  const [here, there] = [document.querySelector("#counts"), answer.querySelector("#counts")];
  if (here && there && here.innerHTML !== there.innerHTML) here.innerHTML = there.innerHTML;
};

const ask = async () => {
  const ids = [...stale].filter((id) => onScreen.has(id) || !rowOf(id)).slice(0, MOST_ASKED);
  if (ids.length === 0) return;
  for (const id of ids) stale.delete(id);
  try {
    const { rowsAt } = list().dataset;
    const answer = await fetched(`${rowsAt}${rowsAt.includes("?") ? "&" : "?"}ids=${ids.join(",")}`);
    const given = new Map([...answer.querySelectorAll("[data-row]")].map((row) => [row.dataset.id, row]));
    for (const id of ids) {
      const [row, fresh] = [rowOf(id), given.get(id)];
      if (row && fresh) change(row, fresh);
      else if (row) drop(row);
      else if (fresh && body()) insert(fresh);
    }
    recount(answer);
  } catch {
    for (const id of ids) stale.add(id);
    retryAt ||= Date.now() + RETRY_MS;
  }
};

// All that the page would show now: what came before the stream was heard is named by nobody.
const lookAtAll = async () => {
  try {
    const answer = await fetched(location.href);
    stale = new Set(rows().map((row) => row.dataset.id));
    for (const fresh of answer.querySelectorAll("[data-monitors] [data-row]")) {
      const row = rowOf(fresh.dataset.id);
      stale.delete(fresh.dataset.id);
      if (row) change(row, fresh);
      else if (body()) insert(fresh);
    }
    recount(answer);
  } catch {
    retryAt ||= Date.now() + RETRY_MS;
  }
};

// It is gone, or the filters hold it no longer.
const drop = (row) => {
  if (row.contains(document.activeElement)) return;
  sight.unobserve(row);
  onScreen.delete(row.dataset.id);
  row.remove();
};

let isTurning = false;
const more = async () => {
  const nav = list()?.querySelector(".pagination");
  const older = nav?.querySelector('[rel="next"]');
  if (!older || isTurning || rows().length >= MOST_SHOWN) return;
  isTurning = true;
  try {
    const answer = await fetched(older.href);
    const nextRows = [...answer.querySelectorAll("[data-monitors] [data-row]")].filter((row) => !rowOf(row.dataset.id));
    grown = true;
    for (let at = 0; at < nextRows.length; at += ROWS_A_FRAME) {
      await new Promise(requestAnimationFrame);
      for (const row of nextRows.slice(at, at + ROWS_A_FRAME)) {
        body().append(document.adoptNode(row));
        sight.observe(row);
        enhance(row);
      }
    }
    turn.unobserve(nav);
    const next = answer.querySelector("[data-monitors] .pagination [rel=next]");
    if (next) older.href = next.href;
    else older.remove();
  } catch {
    // The link is still there.
  } finally {
    isTurning = false;
    if (nav.isConnected) turn.observe(nav);
  }
};

// --- A monitor's own page --------------------------------------------------------------------------------------

const parts = (root) => new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));

const isBusy = (part) =>
  part.contains(document.activeElement) ||
  part.querySelector("details[open], .chart-tip") !== null ||
  (String(getSelection()) !== "" && part.contains(getSelection().anchorNode));

const renew = async () => {
  try {
    const answer = await fetched(location.href);
    const here = parts(page());
    let before = null;
    for (const [name, fresh] of parts(answer)) {
      const part = here.get(name);
      here.delete(name);
      const text = fresh.outerHTML;
      if (part && (known.get(name) === text || isBusy(part))) {
        before = part;
        continue;
      }
      known.set(name, text);
      const placed = document.adoptNode(fresh);
      if (part) part.replaceWith(placed);
      else if (before) before.after(placed);
      else page().prepend(placed);
      enhance(placed);
      before = placed;
    }
    for (const gone of here.values()) gone.remove();
  } catch {
    retryAt ||= Date.now() + RETRY_MS;
  }
};
// As the server wrote them: on the page, times are rewritten.
const known = new Map();

// --- Both ------------------------------------------------------------------------------------------------------

const look = async () => {
  isAsking = true;
  try {
    if (page() && mustLook) {
      mustLook = false;
      await renew();
    } else if (list()) {
      const isWhole = mustLook;
      mustLook = false;
      if (isWhole) await lookAtAll();
      await ask();
    }
  } finally {
    isAsking = false;
  }
};

const step = () => {
  if (address && source && heardAt > 0 && !isHeard()) open();
  if (address && retryAt && Date.now() > retryAt) open();
  if (document.hidden || isAsking) return;
  const every = isHeard() ? WHOLE_MS : LOOK_MS;
  // The list's own look does it where there is no stream, as long as it shows what that look would.
  if (Date.now() - lookedAt > every && (isHeard() || grown || page())) mustLook = true;
  if (mustLook) lookedAt = Date.now();
  if (mustLook || stale.size > 0) look();
};

document.addEventListener("htmx:beforeRequest", (event) => {
  // It would draw all anew, and only the first page.
  if (event.detail.elt === list() && (isHeard() || grown)) event.preventDefault();
});

const follow = () => {
  const wanted = (list() ?? page())?.dataset.stream ?? "";
  onScreen = new Set();
  stale = new Set();
  grown = false;
  for (const row of rows()) sight.observe(row);
  const nav = list()?.querySelector(".pagination");
  if (nav) turn.observe(nav);
  if (wanted === address) return;
  address = wanted;
  if (address) open();
  else close();
};

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt?.matches?.("[data-monitors]")) follow();
});
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => {
  if (event.persisted && address) open();
});

follow();
setInterval(step, STEP_MS);
