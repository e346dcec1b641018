// Read-out and zoom for the charts of monitor/charts. The numbers come from the table behind each chart.
import { write } from "./times.js";

const SVG = "http://www.w3.org/2000/svg";
const LEAST_DRAG_PX = 6;

const svgElement = (name, css) => {
  const element = document.createElementNS(SVG, name);
  element.setAttribute("class", css);
  return element;
};

const textElement = (name, css, text) => {
  const element = document.createElement(name);
  element.className = css;
  element.textContent = text;
  return element;
};

// The page's own address with the window in place; a position in the old list means nothing in the new one.
const windowed = (address, since, until) => {
  const url = new URL(address, location.href);
  for (const name of ["cursor", "offset", "window"]) url.searchParams.delete(name);
  url.searchParams.set("since", since);
  url.searchParams.set("until", until);
  return url;
};

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector(".chart-plot");
    this.svg = figure.querySelector(".chart-svg");
    this.rows = [...figure.querySelectorAll("tr[data-from]")];
    this.columns = [...figure.querySelectorAll("thead th[data-series]")];
    this.start = Date.parse(figure.dataset.start);
    this.end = Date.parse(figure.dataset.end);
    this.at = -1;
    this.dragFrom = null;
    this.nameWithoutTooltip();
    this.listen();
  }

  // An SVG's <title> pops up over our own read-out, so its words move to where only screen readers look.
  nameWithoutTooltip() {
    const title = this.svg.querySelector(":scope > title");
    if (!title) return;
    const description = this.svg.querySelector(":scope > desc");
    this.svg.removeAttribute("aria-labelledby");
    this.svg.setAttribute("aria-label", `${title.textContent}. ${description?.textContent ?? ""}`);
    title.remove();
    this.svg.setAttribute("tabindex", "0");
  }

  listen() {
    this.svg.addEventListener("pointermove", (event) => this.onMove(event));
    this.svg.addEventListener("pointerleave", () => this.dragFrom === null && this.clear());
    this.svg.addEventListener("pointerdown", (event) => this.onDown(event));
    this.svg.addEventListener("pointerup", (event) => this.onUp(event));
    this.svg.addEventListener("pointercancel", () => this.cancel());
    this.svg.addEventListener("blur", () => this.clear());
    this.svg.addEventListener("keydown", (event) => this.onKey(event));
  }

  shareOf(event) {
    const box = this.svg.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  }

  bucketAt(share) {
    const moment = this.start + share * (this.end - this.start);
    const found = this.rows.findIndex((row) => moment < Date.parse(row.dataset.to));
    return found < 0 ? this.rows.length - 1 : found;
  }

  onMove(event) {
    const share = this.shareOf(event);
    this.show(this.bucketAt(share));
    if (this.dragFrom !== null) this.select(this.dragFrom, share);
  }

  onDown(event) {
    // A captured pointer would take the click away from the link of a marker.
    if (event.target.closest("a")) return;
    if (event.button !== 0 || !("zoom" in this.figure.dataset) || event.pointerType === "touch") return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    this.dragFrom = this.shareOf(event);
  }

  onUp(event) {
    const from = this.dragFrom;
    const to = this.shareOf(event);
    this.cancel();
    if (from === null && event.target.closest("a")) return;
    const width = this.svg.getBoundingClientRect().width;
    if (from !== null && Math.abs(to - from) * width >= LEAST_DRAG_PX) this.zoom(from, to);
    else if (event.button === 0 && event.pointerType !== "touch") this.jump(this.bucketAt(to));
  }

  onKey(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) {
      event.preventDefault();
      const from = this.at < 0 ? (by > 0 ? -1 : this.rows.length) : this.at;
      this.show(Math.min(Math.max(from + by, 0), this.rows.length - 1));
    } else if (event.key === "Enter" && this.at >= 0) this.jump(this.at);
    else if (event.key === "Escape") this.clear();
  }

  // Both ends move outwards to whole buckets: a part of a bar cannot be seen, so it cannot be meant.
  zoom(from, to) {
    const first = this.rows[this.bucketAt(Math.min(from, to))];
    const last = this.rows[this.bucketAt(Math.max(from, to))];
    location.assign(windowed(location.href, first.dataset.from, last.dataset.to));
  }

  jump(index) {
    const { jump } = this.figure.dataset;
    const row = this.rows[index];
    if (jump && row) location.assign(windowed(jump, row.dataset.from, row.dataset.to));
  }

  show(index) {
    if (index === this.at) return;
    this.at = index;
    const row = this.rows[index];
    const middle = (Date.parse(row.dataset.from) + Date.parse(row.dataset.to)) / 2;
    this.placeCursor((middle - this.start) / (this.end - this.start));
    this.fillTip(row);
    this.placeTip((middle - this.start) / (this.end - this.start));
  }

  placeCursor(share) {
    if (!this.cursor) {
      this.cursor = svgElement("line", "chart-cursor");
      this.svg.append(this.cursor);
    }
    const top = Number(this.svg.dataset.plotTop);
    this.cursor.setAttribute("x1", `${share * 100}%`);
    this.cursor.setAttribute("x2", `${share * 100}%`);
    this.cursor.setAttribute("y1", top);
    this.cursor.setAttribute("y2", top + Number(this.svg.dataset.plotHeight));
  }

  fillTip(row) {
    if (!this.tip) {
      this.tip = document.createElement("div");
      this.tip.className = "chart-tip";
      this.tip.setAttribute("aria-live", "polite");
      this.plot.append(this.tip);
    }
    const day = row.querySelector("time").dataset.timeForm === "day";
    const from = day ? row.dataset.from.slice(0, 10) : write(new Date(row.dataset.from), "clock");
    const until = day ? "" : ` – ${write(new Date(row.dataset.to), "clock").split(" ").pop()}`;
    const note = row.querySelector(".chart-note")?.textContent ?? "";
    const cells = row.querySelectorAll("td");
    const lines = this.columns.map((column, index) => {
      const line = textElement("div", `chart-tip-row ${column.dataset.series}`, "");
      line.append(textElement("span", "", column.textContent), textElement("span", "", cells[index].textContent));
      return line;
    });
    this.tip.replaceChildren(textElement("div", "chart-tip-when", `${from}${until} ${note}`), ...lines.reverse());
  }

  // On the side of the pointer that has room, and never beyond the plot.
  placeTip(share) {
    const left = this.svg.getBoundingClientRect().left - this.plot.getBoundingClientRect().left;
    const width = this.svg.getBoundingClientRect().width;
    const at = left + share * width;
    const own = this.tip.offsetWidth;
    const wanted = share > 0.5 ? at - own - 12 : at + 12;
    this.tip.style.left = `${Math.min(Math.max(wanted, 0), left + width - own)}px`;
  }

  select(from, to) {
    if (!this.selection) {
      this.selection = svgElement("rect", "chart-selection");
      this.svg.append(this.selection);
    }
    this.selection.setAttribute("x", `${Math.min(from, to) * 100}%`);
    this.selection.setAttribute("width", `${Math.abs(to - from) * 100}%`);
    this.selection.setAttribute("y", this.svg.dataset.plotTop);
    this.selection.setAttribute("height", this.svg.dataset.plotHeight);
  }

  cancel() {
    this.dragFrom = null;
    this.selection?.remove();
    this.selection = null;
  }

  clear() {
    this.at = -1;
    this.cursor?.remove();
    this.tip?.remove();
    this.cursor = null;
    this.tip = null;
  }
}

const known = new WeakSet();

export const enhance = (root) => {
  const figures = [...root.querySelectorAll("[data-chart]")];
  if (root.matches?.("[data-chart]")) figures.push(root);
  for (const figure of figures) {
    if (known.has(figure) || !figure.querySelector(".chart-svg")) continue;
    known.add(figure);
    new Chart(figure);
  }
};
