// Runs before the first paint, so that a light page does not flash dark: what was chosen here, else what the
// system prefers.
(function () {
  const system = matchMedia("(prefers-color-scheme: light)");
  let wanted = null;
  try {
    wanted = new URLSearchParams(location.search).get("theme") || localStorage.getItem("theme");
  } catch {
    // Storage is forbidden: as the system has it.
  }
  const show = () => {
    const light = wanted ? wanted === "light" : system.matches;
    document.documentElement.dataset.theme = light ? "light" : "dark";
    document.dispatchEvent(new Event("themechange"));
  };
  system.addEventListener("change", show);
  document.addEventListener("themechosen", (event) => {
    wanted = event.detail;
    show();
  });
  show();
})();
