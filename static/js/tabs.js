// Sections as tabs: [data-tabs="name"] > section[data-tab="Words"]. The last chosen one of a name is remembered.

const remembered = (name) => {
  try {
    return sessionStorage.getItem(`tab:${name}`);
  } catch {
    return null;
  }
};

const remember = (name, words) => {
  try {
    sessionStorage.setItem(`tab:${name}`, words);
  } catch {
    // Without storage each page begins at its first tab.
  }
};

const choose = (tabs, chosen) => {
  for (const tab of tabs) {
    const isChosen = tab === chosen;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
  }
};

const neighbour = (tabs, tab, key) => {
  const at = tabs.indexOf(tab);
  if (key === "ArrowRight") return tabs[(at + 1) % tabs.length];
  if (key === "ArrowLeft") return tabs[(at - 1 + tabs.length) % tabs.length];
  if (key === "Home") return tabs[0];
  if (key === "End") return tabs[tabs.length - 1];
  return null;
};

const tabFor = (panel, id) => {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.className = "tab";
  tab.textContent = panel.dataset.tab;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", id);
  tab.id = `${id}-tab`;
  panel.id = id;
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tab.id);
  return tab;
};

const build = (group) => {
  const name = group.dataset.tabs;
  const panels = [...group.querySelectorAll(":scope > [data-tab]")];
  if (panels.length < 2) return;
  const list = document.createElement("div");
  list.className = "tab-list";
  list.setAttribute("role", "tablist");
  const tabs = panels.map((panel, index) => tabFor(panel, panel.id || `${name}-${index}`));
  list.append(...tabs);
  group.prepend(list);
  group.classList.add("is-tabbed");
  const linked = tabs[panels.findIndex((panel) => `#${panel.id}` === location.hash)];
  choose(tabs, linked ?? tabs.find((tab) => tab.textContent === remembered(name)) ?? tabs[0]);

  list.addEventListener("click", (event) => {
    const tab = event.target.closest(".tab");
    if (!tab) return;
    choose(tabs, tab);
    remember(name, tab.textContent);
  });
  list.addEventListener("keydown", (event) => {
    const next = neighbour(tabs, event.target.closest(".tab"), event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.click();
  });
};

export const enhance = (root) => {
  const groups = [...root.querySelectorAll("[data-tabs]")];
  if (root.matches?.("[data-tabs]")) groups.push(root);
  for (const group of groups) {
    if (!group.classList.contains("is-tabbed")) build(group);
  }
};
