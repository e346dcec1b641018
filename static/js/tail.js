// The log table as a live tail: [data-tail] names a stream that tells the ids of new logs, [data-tail-rows] gives
// their rows. While the reader reads, rows wait; what cannot be shown or was not heard of is said.
import { reasonToWait, say } from "./live.js";
import { rewrite } from "./times.js";

const MOST_WAITING = 1000;
const MOST_ROWS = 50; // asked for at once; of more, the newest page is loaded instead
const MOST_SHOWN = 200;
const EVERY_MS = 500;
const SILENCE_MS = 40_000; // a stream is heard at least every 15 s
const RETRY_MS = 5_000; // after an answer that was none

const region = () => document.querySelector("[data-results][data-tail]");
const button = () => document.querySelector("[data-tail-resume]");
const body = () => document.querySelector("#results [data-rows] tbody");
const rowOf = (id) => document.querySelector(`#results [data-row][data-id="${id}"]`);

let source = null;
let address = "";
let trouble = "Connecting";
let heardAt = 0;
let retryAt = 0;
let waiting = [];
let recent = []; // heard of since the last look at all of it began
let more = 0;
let dropped = 0;
let mustRefresh = false;
let isAsking = false;
let notBefore = 0;

const close = () => {
  source?.close();
  source = null;
};

const heard = () => {
  heardAt = Date.now();
  trouble = "";
};

const read = (event) => {
  heard();
  return JSON.parse(event.data);
};

const fail = (words) => {
  trouble = words;
};

const wait = (id) => {
  if (waiting.includes(id) || rowOf(id)) return;
  waiting.push(id);
  if (waiting.length > MOST_WAITING) {
    waiting.shift();
    more += 1;
  }
};

const open = () => {
  close();
  retryAt = 0;
  heardAt = Date.now();
  const stream = new EventSource(address);
  source = stream;
  stream.addEventListener("ready", (event) => {
    // What came between the page and the stream is found by one look at all of it.
    if (!read(event).resumed) mustRefresh = true;
  });
  stream.addEventListener("log", (event) => {
    const { id } = read(event);
    recent.push(id);
    if (recent.length > MOST_WAITING) recent.shift();
    wait(id);
  });
  stream.addEventListener("dropped", (event) => {
    const { count, unread } = read(event);
    dropped += count + unread;
  });
  stream.addEventListener("gap", (event) => {
    read(event);
    mustRefresh = true;
  });
  stream.addEventListener("beat", (event) => {
    if (!read(event).current) fail("The database does not answer");
  });
  stream.addEventListener("end", (event) => {
    const { code } = JSON.parse(event.data);
    if (code === "server_stopping") return; // the browser comes back by itself
    close();
    fail("Live has ended: sign in again");
  });
  stream.addEventListener("error", () => {
    if (stream !== source) return;
    fail("Not connected");
    // The browser tries again after a broken connection, and gives up on an answer that is no stream.
    if (stream.readyState === EventSource.CLOSED) retryAt = Date.now() + RETRY_MS;
  });
};

const follow = () => {
  const results = region();
  if (!results) {
    close();
    address = "";
    return;
  }
  if (results.dataset.tail === address) return;
  address = results.dataset.tail;
  waiting = [];
  recent = [];
  more = dropped = 0;
  mustRefresh = false;
  trouble = "Connecting";
  open();
};

// Newest first, by id: ids carry the time. A log that came late goes to its place.
const insert = (row) => {
  const rows = [...body().querySelectorAll("[data-row]")];
  const next = rows.find((other) => other.dataset.id < row.dataset.id);
  row.classList.add("is-new");
  rewrite(row);
  if (next) next.before(row);
  else body().append(row);
};

const trim = () => {
  const rows = body().querySelectorAll("[data-row]");
  for (let at = rows.length - 1; at >= MOST_SHOWN; at -= 1) rows[at].remove();
};

const ask = async (ids) => {
  const { tailRows, fullMs } = region().dataset;
  const parameters = new URLSearchParams({ ids: ids.join(","), full_ms: fullMs });
  const answer = await fetch(`${tailRows}${tailRows.includes("?") ? "&" : "?"}${parameters}`, { redirect: "error" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};

const show = async () => {
  const ids = waiting;
  waiting = [];
  isAsking = true;
  try {
    const page = await ask(ids);
    if (!body()) return;
    for (const row of page.querySelectorAll("[data-row]")) {
      if (!rowOf(row.dataset.id)) insert(document.adoptNode(row));
    }
    trim();
  } catch {
    waiting = [...ids, ...waiting];
    fail("No answer from the server");
    notBefore = Date.now() + RETRY_MS;
  } finally {
    isAsking = false;
  }
};

const refresh = () => {
  mustRefresh = false;
  waiting = [];
  more = 0;
  region().dispatchEvent(new CustomEvent("tail:refresh"));
};

const age = () => {
  const seconds = Math.round((Date.now() - heardAt) / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
};

const tell = (reason) => {
  const lost = dropped ? ` · ${dropped} dropped` : "";
  if (trouble) say(`${trouble}${trouble === "Connecting" ? "" : ` · last heard ${age()} ago`}${lost}`, trouble !== "Connecting");
  else say(`${reason || "New requests show at once"}${lost}`, dropped > 0);
  const resume = button();
  if (!resume) return;
  const count = waiting.length + more;
  resume.hidden = !reason || (count === 0 && !mustRefresh);
  const words = count ? `${count} new, resume` : "Resume";
  if (resume.textContent !== words) resume.textContent = words;
};

const step = () => {
  const results = region();
  if (!results) return;
  if (source && Date.now() - heardAt > SILENCE_MS) {
    fail("Not connected");
    open();
  }
  if (retryAt && Date.now() > retryAt) open();
  const reason = reasonToWait(results);
  tell(reason);
  if (reason || isAsking || Date.now() < notBefore) return;
  if (mustRefresh || more > 0 || waiting.length > MOST_ROWS || (waiting.length > 0 && !body())) refresh();
  else if (waiting.length > 0) show();
};

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-tail-resume]")) return;
  document.querySelector("#results .is-chosen")?.classList.remove("is-chosen");
  document.activeElement?.blur();
  getSelection().removeAllRanges();
  scrollTo({ top: 0 });
  step();
});

document.addEventListener("htmx:beforeRequest", (event) => {
  // Only what is heard from here on may be missing in the answer.
  if (event.detail.elt === region() && !event.defaultPrevented) recent = [];
});

document.addEventListener("htmx:afterSwap", () => {
  follow();
  for (const id of recent) wait(id);
});

addEventListener("pagehide", close);
addEventListener("pageshow", (event) => {
  if (!event.persisted || !region()) return;
  mustRefresh = true;
  open();
});

follow();
setInterval(step, EVERY_MS);
