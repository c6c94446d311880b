// What the document has become: how often each kind of element and each text is there. An expression; its value is JSON.
(() => {
  const ELEMENTS_MAX = 20_000;
  const KINDS_MAX = 2_000;
  const TEXT_MAX = 200;
  const UNSEEN = new Set(["script", "style", "template", "noscript", "head", "meta", "link", "title", "base"]);
  const counts = () => Object.create(null);
  const [elements, texts, foreign] = [counts(), counts(), counts()];
  const kinds = { elements: 0, texts: 0, foreign: 0 };

  function add(name, into, key) {
    if (into[key] === undefined && ++kinds[name] > KINDS_MAX) return;
    into[key] = (into[key] ?? 0) + 1;
  }

  function loaded(address) {
    try {
      const { protocol, origin } = new URL(address, location.href);
      if (/^(http|ws)s?:$/.test(protocol) && origin !== location.origin) add("foreign", foreign, origin);
    } catch {
      // no address
    }
  }

  const own = (element) =>
    element.localName + [...(element.getAttribute("class") ?? "").split(/\s+/)].filter(Boolean).sort().map((name) => `.${name}`).join("");

  let seen = 0;
  for (const element of document.querySelectorAll("*")) {
    if (++seen > ELEMENTS_MAX) break;
    const source = element.getAttribute("src") ?? (element.localName === "link" ? element.getAttribute("href") : null);
    if (source) loaded(source);
    if (UNSEEN.has(element.localName) || element.closest("head")) continue;
    add("elements", elements, element.parentElement ? `${element.parentElement.localName} > ${own(element)}` : own(element));
    for (const node of element.childNodes) {
      const text = node.nodeType === 3 ? node.nodeValue.replace(/\s+/g, " ").trim() : "";
      if (text) add("texts", texts, text.slice(0, TEXT_MAX));
    }
  }
  for (const { name } of globalThis.performance?.getEntriesByType?.("resource") ?? []) loaded(name);
  return { title: document.title, url: location.href, elements, texts, foreign };
})()
