// Dark, light, or as the system says.

import { signal } from "@preact/signals";

const KEY = "carga.theme";
const CHOICES = ["system", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");

export const choice = signal(document.documentElement.dataset.theme ?? "system");
/** Changes whenever colours on the screen do: charts, which are canvases, draw themselves again. */
export const palette = signal(0);

system.addEventListener("change", () => (palette.value += 1));

export function nextTheme() {
  choice.value = CHOICES[(CHOICES.indexOf(choice.value) + 1) % CHOICES.length];
  if (choice.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice.value;
  try {
    localStorage.setItem(KEY, choice.value);
  } catch {
    // Not kept; it holds for this visit.
  }
  palette.value += 1;
}

/** Resolves custom properties such as "--c1" to colours that a canvas understands. */
export function colours(names) {
  const probe = document.createElement("span");
  document.body.append(probe);
  const resolved = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return resolved;
}
