// Copy buttons: [data-copy="text"], or [data-copy-target="#id"] for the text of an element or the value of a field.

const textOf = (button) => {
  if (button.dataset.copy !== undefined) return button.dataset.copy;
  const target = document.querySelector(button.dataset.copyTarget);
  return target ? (target.value ?? target.textContent) : null;
};

// Pages on plain http (other than localhost) have no clipboard API.
const copyOldWay = (text) => {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
};

export const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
};

let toast;
let hiding;

export const say = (words) => {
  if (!toast) {
    toast = document.createElement("div");
    toast.className = "toast";
    toast.setAttribute("role", "status");
    document.body.append(toast);
  }
  toast.hidden = false;
  toast.textContent = words;
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    toast.hidden = true;
  }, 2000);
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-target]");
  if (!button) return;
  const text = textOf(button);
  if (text === null) return;
  say((await copy(text)) ? "Copied" : "Could not copy: select the text instead");
  button.closest("details.menu")?.removeAttribute("open");
});
