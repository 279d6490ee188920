// Runs before the first paint, so that a light page does not flash dark.
(function () {
  try {
    const wanted = new URLSearchParams(location.search).get("theme") || localStorage.getItem("theme");
    if (wanted === "light") document.documentElement.dataset.theme = "light";
  } catch {
    // Storage is forbidden: dark it is.
  }
})();
