// Brings every behaviour to a page, and again to each part that htmx swaps in.
import { enhance as enhanceCharts } from "./chart.js";
import "./copy.js";
import "./keys.js";
import { enhance as enhanceTabs } from "./tabs.js";
import { rewrite as rewriteTimes } from "./times.js";

const enhance = (root) => {
  rewriteTimes(root);
  enhanceTabs(root);
  enhanceCharts(root);
};

enhance(document);
document.addEventListener("htmx:load", (event) => enhance(event.detail.elt));

// A menu closes when attention goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
