// What the admin borrows from the pages: copy buttons, the chart's read-out, moments in the reader's zone.
import { enhance as enhanceCharts } from "./chart.js";
import "./copy.js";
import { rewrite as rewriteTimes } from "./times.js";

rewriteTimes(document);
enhanceCharts(document);

// Reloading the page that shows a new key would post the form again and make another one.
const shown = document.querySelector("[data-leave-to]");
if (shown) history.replaceState(null, "", shown.dataset.leaveTo);
