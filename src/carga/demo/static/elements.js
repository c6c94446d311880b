// Small helpers around the DOM. Text always goes in as text, never as HTML.

export const one = (selector, within = document) => within.querySelector(selector);

/** Makes an element: `make("p.line", { title: "x" }, "text", child)`. */
export function make(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

/** 20:15 of a time in Unix seconds. */
export const hourOf = (seconds) => {
  const date = new Date(seconds * 1000);
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
};

export const artOf = (titleId) => `/art/title/${titleId}.png`;
export const logoOf = (channelNumber) => `/art/channel/${channelNumber}.png`;

let toastTimer = 0;

/** Shows a short text for some seconds. */
export function toast(text) {
  const element = one("#toast");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (element.hidden = true), 5000);
}
