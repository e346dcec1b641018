// Opens the chosen file here and sends it in pieces, one after the other, to the address of its form. So the bar tells
// how much has been answered for, and the server never holds more than a piece.

// In bytes of text: large enough to cost little beside a request, small enough for the bar to move.
const PIECE_BYTES = 2 * 1024 * 1024;
const PIECE_LOGS = 500;
const MAX_SHOWN = 100;
const NEW_LINE = 10;

class Refused extends Error {}

// ---- Pieces: { blob, done }, where `done` is the share of the file that is told when the piece is ----

async function* piecesOfHar(file) {
  let entries;
  try {
    entries = JSON.parse((await file.text()).replace(/^\ufeff/, ""))?.log?.entries;
  } catch {
    throw new Refused("The file is not JSON.");
  }
  if (!Array.isArray(entries)) throw new Refused("This is no HAR: it needs log with entries.");
  let piece = [];
  let size = 0;
  for (const [index, entry] of entries.entries()) {
    const text = JSON.stringify(entry);
    if (piece.length && (piece.length === PIECE_LOGS || size + text.length > PIECE_BYTES)) {
      yield harPiece(piece, index / entries.length);
      piece = [];
      size = 0;
    }
    piece.push(text);
    size += text.length;
  }
  yield harPiece(piece, 1);
}

const harPiece = (entries, done) => ({
  blob: new File([`{"log":{"entries":[${entries.join(",")}]}}`], "piece.har", { type: "application/json" }),
  done,
});

async function* piecesOfLines(file) {
  let from = 0;
  while (from < file.size) {
    let until = Math.min(from + PIECE_BYTES, file.size);
    until = until === file.size ? until : await afterLine(file, from, until);
    yield { blob: new File([file.slice(from, until)], "piece.ndjson"), done: until / file.size };
    from = until;
  }
}

// The end of the last line that ends before `until`, or of the first one after it when a single line is longer.
const afterLine = async (file, from, until) => {
  const bytes = new Uint8Array(await file.slice(from, until).arrayBuffer());
  const last = bytes.lastIndexOf(NEW_LINE);
  if (last >= 0) return from + last + 1;
  for (let at = until; at < file.size; at += PIECE_BYTES) {
    const next = new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()).indexOf(NEW_LINE);
    if (next >= 0) return at + next + 1;
  }
  return file.size;
};

const isLines = async (file) => {
  if (/\.(ndjson|jsonl)$/i.test(file.name)) return true;
  return !/\.har$/i.test(file.name) && !(await file.slice(0, 200).text()).includes('"log"');
};

// ---- Sending ----

const send = async (form, { blob }, { isDry, signal }) => {
  const data = new FormData(form);
  data.set("file", blob);
  if (isDry) data.set("dry_run", "true");
  const answer = await fetch(form.action, {
    method: "POST",
    body: data,
    headers: { Accept: "application/json" },
    signal,
  });
  if (answer.ok) return answer.json();
  if (answer.status !== 400) throw new Refused(`The server answered with ${answer.status}. What was told before it is kept.`);
  const { problems } = await answer.json();
  throw new Refused(Object.values(problems).flat().join(" "));
};

// ---- The page ----

const form = document.querySelector("[data-import]");
const find = (name) => document.querySelector(`[data-import-${name}]`);
const card = find("progress");
const number = new Intl.NumberFormat();
let stopping;

const begin = (isDry) => {
  find("result")?.remove();
  card.hidden = false;
  find("title").textContent = isDry ? "Dry run" : "Importing";
  find("words").textContent = "Opening the file…";
  find("errors").replaceChildren();
  find("fault").hidden = true;
  find("after").hidden = true;
  find("stop").hidden = false;
  card.querySelector("progress").value = 0;
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  stopping = new AbortController();
};

const end = (title, { fault = "", opens = false } = {}) => {
  find("title").textContent = title;
  find("fault").textContent = fault;
  find("fault").hidden = !fault;
  find("stop").hidden = true;
  find("after").hidden = !opens;
  const logs = find("logs");
  logs.search = new URLSearchParams({ service_id: form.elements.service.value, window: "all" });
  for (const button of form.querySelectorAll("button")) button.disabled = false;
};

const tell = (sum, done, isDry) => {
  card.querySelector("progress").value = done;
  const [fresh, known, refused] = [sum.new, sum.known, sum.rejected].map((count) => number.format(count));
  const excluded = sum.excluded ? `${number.format(sum.excluded)} left out by the service's rules, ` : "";
  find("words").textContent = `${Math.floor(done * 100)} %: ${fresh} ${isDry ? "would be new" : "new"}, ${known} known already, ${excluded}${refused} refused.`;
};

const showErrors = (errors, before) => {
  const list = find("errors");
  for (const { index, field, message } of errors.slice(0, MAX_SHOWN - list.children.length)) {
    const item = document.createElement("li");
    const place = document.createElement("code");
    place.textContent = field;
    item.append(`Request ${number.format(before + index + 1)}`, ...(field ? [", ", place] : []), `: ${message}`);
    list.append(item);
  }
};

const bring = async (file, isDry) => {
  const sum = { new: 0, known: 0, excluded: 0, rejected: 0, seen: 0 };
  const pieces = (await isLines(file)) ? piecesOfLines(file) : piecesOfHar(file);
  for await (const piece of pieces) {
    const result = await send(form, piece, { isDry, signal: stopping.signal });
    showErrors(result.errors, sum.seen);
    for (const name of ["new", "known", "excluded", "rejected"]) sum[name] += result[name];
    sum.seen += result.accepted + result.excluded + result.rejected;
    tell(sum, piece.done, isDry);
  }
  return sum;
};

form?.addEventListener("submit", async (event) => {
  const [file] = form.elements.file.files;
  if (!file) return;
  event.preventDefault();
  const isDry = event.submitter?.name === "dry_run";
  begin(isDry);
  try {
    const sum = await bring(file, isDry);
    end(isDry ? "Dry run: nothing was kept" : "Imported", { opens: !isDry && sum.seen > sum.rejected });
  } catch (error) {
    if (error.name === "AbortError") end("Stopped", { opens: !isDry });
    else end("Not finished", { fault: error instanceof Refused ? error.message : "The server cannot be reached." });
  }
});

find("stop")?.addEventListener("click", () => stopping?.abort());
