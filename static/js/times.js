// Moments in the reader's zone. <time datetime data-time-form> and chart labels [data-time] hold UTC from the
// server, which stays on the page without scripts; the exact value, in both zones, shows on hover.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const RELATIVE_EVERY_MS = 15_000;

const two = (number) => String(number).padStart(2, "0");
const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
const day = (at) => `${at.getDate()} ${MONTHS[at.getMonth()]}`;

const zone = (at) => {
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const sign = minutes < 0 ? "-" : "+";
  return `UTC${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
};

const full = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(at)}`;

export const exact = (at) =>
  `${full(at)}.${String(at.getMilliseconds()).padStart(3, "0")} ${zone(at)}\n${at.toISOString()}`;

const relative = (at) => {
  const seconds = (Date.now() - at.getTime()) / 1000;
  if (seconds < -5) return full(at);
  if (seconds < 5) return "now";
  for (const [size, word] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${word} ago`;
  }
  return "now";
};

const isMidnight = (at) => at.getHours() + at.getMinutes() + at.getSeconds() === 0;

const forms = {
  clock: (at) => (at.getFullYear() === new Date().getFullYear() ? `${day(at)} ${clock(at)}` : full(at)),
  relative,
  moment: (at) => `${full(at)} ${zone(at)}`,
  second: (at) => (isMidnight(at) ? day(at) : clock(at)),
  minute: (at) => (isMidnight(at) ? day(at) : clock(at).slice(0, 5)),
};

export const write = (at, form) => (forms[form] ?? forms.moment)(at);

export const rewrite = (root) => {
  for (const element of root.querySelectorAll("[data-zone]")) element.textContent = `Times are ${zone(new Date())}`;
  for (const element of root.querySelectorAll("time[datetime][data-time-form], [data-time][data-time-form]")) {
    const form = element.dataset.timeForm;
    const at = new Date(element.getAttribute("datetime") ?? element.dataset.time);
    // Days are counted in UTC by the server; another zone's date would name the wrong day.
    if (Number.isNaN(at.getTime()) || form === "day") continue;
    element.textContent = write(at, form);
    if (element.localName === "time") element.title = exact(at);
  }
};

setInterval(() => {
  for (const element of document.querySelectorAll('time[data-time-form="relative"]')) {
    element.textContent = relative(new Date(element.getAttribute("datetime")));
  }
}, RELATIVE_EVERY_MS);
