// Redoc shows its maker's logo, fetched from the maker's host: our policy refuses that, with a fault in the console at
// each visit. Our own mark is put in its place before anything is asked for. React sets `src` in both ways.
const ELSEWHERE = "https://cdn.redoc.ly/";
const mark = document.querySelector('link[rel="icon"]').href;
const ours = (address) => (String(address).startsWith(ELSEWHERE) ? mark : address);

const image = HTMLImageElement.prototype;
const source = Object.getOwnPropertyDescriptor(image, "src");
const setAttribute = image.setAttribute;

Object.defineProperty(image, "src", {
  ...source,
  set(address) {
    source.set.call(this, ours(address));
  },
});

image.setAttribute = function (name, value) {
  setAttribute.call(this, name, name === "src" ? ours(value) : value);
};

// Redoc is told its colours once, when it starts.
const DARK = {
  colors: {
    primary: { main: "#a5b4fc" },
    success: { main: "#5fbf94" },
    warning: { main: "#e0b050" },
    error: { main: "#f08a8a" },
    text: { primary: "#e4e6e6", secondary: "#b7bcbf" },
    border: { dark: "#4a5156", light: "#343a3e" },
  },
  schema: { nestedBackground: "#22282b", linesColor: "#4a5156", typeNameColor: "#b7bcbf", typeTitleColor: "#b7bcbf" },
  typography: { code: { color: "#f0b8a0", backgroundColor: "#2b3236" } },
  sidebar: { backgroundColor: "#161a1c", textColor: "#e4e6e6" },
  rightPanel: { backgroundColor: "#111517" },
};

if (document.documentElement.classList.contains("dark-mode")) {
  document.querySelector("redoc").setAttribute("theme", JSON.stringify(DARK));
}
