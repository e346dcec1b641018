// Choosing rows of a table: one box for all of them, and how many are chosen.

const boxes = (form) => [...document.querySelectorAll(`input[type="checkbox"][name="id"][form="${form}"]`)];

const tell = (form) => {
  const chosen = boxes(form).filter((box) => box.checked).length;
  for (const place of document.querySelectorAll(`[data-chosen="${form}"]`)) {
    place.textContent = chosen === 0 ? place.dataset.none : `${chosen} chosen`;
  }
  document.getElementById(form)?.classList.toggle("has-chosen", chosen > 0);
  const all = document.querySelector(`[data-choose-all="${form}"]`);
  if (!all) return;
  all.checked = chosen > 0 && chosen === boxes(form).length;
  all.indeterminate = chosen > 0 && !all.checked;
};

document.addEventListener("change", (event) => {
  const all = event.target.dataset?.chooseAll;
  if (all) for (const box of boxes(all)) box.checked = event.target.checked;
  const form = all ?? (event.target.name === "id" ? event.target.getAttribute("form") : null);
  if (form) tell(form);
});

// What is chosen, or being typed, is not taken away by a list that draws itself anew.
document.addEventListener("htmx:beforeRequest", (event) => {
  const list = event.detail.elt;
  if (!list.matches?.("[data-live]")) return;
  const isBusy = list.querySelector('input[name="id"]:checked, details[open]') || list.contains(document.activeElement);
  if (document.hidden || isBusy) event.preventDefault();
});

// Without scripts it could choose nothing, so it is shown by them alone.
const show = () => {
  for (const all of document.querySelectorAll("[data-choose-all]")) {
    all.hidden = false;
    tell(all.dataset.chooseAll);
  }
};
show();
document.addEventListener("htmx:afterSettle", show);
