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
