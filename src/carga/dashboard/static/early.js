// Before the first paint: the chosen theme, and no access token in the address bar (the server has set a cookie).
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("carga.theme");
  } catch {
    // Storage can be forbidden; the system's theme is good then.
  }
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  const address = new URL(location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
})();
