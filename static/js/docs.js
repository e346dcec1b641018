// Swagger UI has colours of its own for the dark, behind a class; redoc.js reads the class for Redoc's. After theme.js.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { theme } = root.dataset;
    root.classList.toggle("dark-mode", theme ? theme === "dark" : system.matches);
  };

  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
})();
