// Input made of DOM events, for engines without trusted input. What a browser does by itself when a person presses a key
// or a button is done here as far as forms need it: text, Backspace, Enter, Space, Tab, focus and `change`.

const MODIFIER_OF = table({ altKey: 1, ctrlKey: 2, metaKey: 4, shiftKey: 8 });
const FOCUSABLE = "a[href], button, input, select, textarea, [tabindex]:not([tabindex='-1']), [contenteditable]";
const NOT_TEXT = new Set(["button", "checkbox", "color", "file", "hidden", "image", "radio", "range", "reset", "submit"]);
const changed = new WeakSet(); // fields whose `change` is still to come

const isText = (target) =>
  target.localName === "textarea" || (target.localName === "input" && !NOT_TEXT.has(target.type));
const isButton = (target) =>
  target.localName === "button" || (target.localName === "input" && /^(button|submit|reset|image)$/.test(target.type));

function tellChange(target) {
  if (changed.delete(target)) target.dispatchEvent(new Event("change", { bubbles: true }));
}

function moveFocus(target) {
  const last = document.activeElement;
  if (last === target) return;
  if (last) tellChange(last);
  if (target) target.focus();
  else last?.blur?.();
}

/** Replaces what is selected, or writes at the end. The prototype's setter is what frameworks do not watch. */
function edit(target, text, { back = false } = {}) {
  const value = String(target.value);
  const selected = target.selectionEnd > target.selectionStart;
  const from = selected ? target.selectionStart : value.length - (back && value.length ? 1 : 0);
  const next = value.slice(0, from) + text + (selected ? value.slice(target.selectionEnd) : "");
  if (next === value) return;
  const { prototype } = target.localName === "textarea" ? window.HTMLTextAreaElement : window.HTMLInputElement;
  getOwnPropertyDescriptor(prototype, "value").set.call(target, next);
  if (selected) target.setSelectionRange(next.length, next.length);
  changed.add(target);
  const inputType = back ? "deleteContentBackward" : "insertText";
  target.dispatchEvent(new InputEvent("input", { data: back ? null : text, inputType, bubbles: true }));
}

/** Where nobody is told that a page goes away, what it has to say is said before it may. */
function beforeLeaving() {
  if (!CONFIG.light) return;
  settleMeasurements(false);
  batch.s = openStep();
  flush(true);
}

function submitForm(target) {
  tellChange(target);
  beforeLeaving();
  const button = target.form?.querySelector("button:not([type]), [type=submit], [type=image]");
  if (button) button.click();
  else target.form?.requestSubmit();
}

function moveByTab(target, back) {
  const all = [...document.querySelectorAll(FOCUSABLE)].filter((one) => !one.disabled);
  const place = all.indexOf(target);
  moveFocus(all.at(back ? place - 1 : (place + 1) % all.length));
}

/** What the browser does when the page lets a key down. */
function actOnKey(target, { key, text, modifiers = 0 }) {
  if (key === "Tab") moveByTab(target, modifiers & MODIFIER_OF.shiftKey);
  else if (key === "Enter" && (isButton(target) || target.localName === "a")) target.click();
  else if (key === "Enter" && target.localName === "input") submitForm(target);
  else if (isText(target)) {
    if (key === "Backspace") edit(target, "", { back: true });
    else if (key.toLowerCase() === "a" && modifiers & MODIFIER_OF.ctrlKey) target.select();
    else if (text) edit(target, key === "Enter" ? "\n" : text);
  }
}

/** Presses and releases the strokes of a key or of a combination. */
function syntheticKeys(strokes) {
  count("actions");
  const fire = (type, stroke) => {
    const options = { key: stroke.key, code: stroke.code, bubbles: true, cancelable: true, composed: true };
    options.keyCode = options.which = stroke.windowsVirtualKeyCode;
    for (const name in MODIFIER_OF) options[name] = Boolean((stroke.modifiers ?? 0) & MODIFIER_OF[name]);
    return (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent(type, options));
  };
  for (const stroke of strokes) {
    const goesOn = fire("keydown", stroke) && (!stroke.text || fire("keypress", stroke));
    if (goesOn) actOnKey(document.activeElement ?? document.body, stroke);
  }
  for (const stroke of [...strokes].reverse()) {
    const target = document.activeElement ?? document.body;
    if (fire("keyup", stroke) && stroke.key === " " && (isButton(target) || /^(checkbox|radio)$/.test(target.type))) {
      target.click();
    }
  }
}

/** Dispatches pointer and mouse events at `found`; gives whether the page let all of them pass. */
function fireMouse(found, types, { x, y }) {
  const shared = { clientX: x, clientY: y, composed: true, view: window };
  let allowed = true;
  for (const type of types) {
    const Kind = type.startsWith("pointer") && window.PointerEvent ? window.PointerEvent : MouseEvent;
    const options = { ...shared, bubbles: !type.endsWith("enter"), cancelable: !type.endsWith("enter") };
    allowed = found.dispatchEvent(new Kind(type, options)) && allowed;
  }
  return allowed;
}

const OVER = ["pointerover", "pointerenter", "mouseover", "mouseenter", "pointermove", "mousemove"];

function syntheticHover(found, place) {
  count("actions");
  fireMouse(found, OVER, place);
}

function syntheticClick(found, place) {
  count("actions");
  fireMouse(found, [...OVER, "pointerdown"], place);
  if (fireMouse(found, ["mousedown"], place)) moveFocus(found.closest(FOCUSABLE));
  if (found.closest("a[href], form")) beforeLeaving();
  fireMouse(found, ["pointerup", "mouseup", "click"], place);
}
