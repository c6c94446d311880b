// Keyboard keys as a US keyboard makes them. Source of the codes: W3C "UI Events KeyboardEvent code Values" and
// "UI Events", section on legacy key codes.

const NAMED_KEYS = table({
  Backspace: ["Backspace", 8], Tab: ["Tab", 9, "\t"], Enter: ["Enter", 13, "\r"], Escape: ["Escape", 27],
  " ": ["Space", 32, " "], PageUp: ["PageUp", 33], PageDown: ["PageDown", 34], End: ["End", 35], Home: ["Home", 36],
  ArrowLeft: ["ArrowLeft", 37], ArrowUp: ["ArrowUp", 38], ArrowRight: ["ArrowRight", 39], ArrowDown: ["ArrowDown", 40],
  Insert: ["Insert", 45], Delete: ["Delete", 46], Shift: ["ShiftLeft", 16], Control: ["ControlLeft", 17],
  Alt: ["AltLeft", 18], Meta: ["MetaLeft", 91], ContextMenu: ["ContextMenu", 93], CapsLock: ["CapsLock", 20],
  BrowserBack: ["BrowserBack", 166], GoBack: ["GoBack", 166], MediaPlayPause: ["MediaPlayPause", 179],
  MediaStop: ["MediaStop", 178], MediaTrackNext: ["MediaTrackNext", 176], MediaTrackPrevious: ["MediaTrackPrevious", 177],
  AudioVolumeMute: ["AudioVolumeMute", 173], AudioVolumeDown: ["AudioVolumeDown", 174],
  AudioVolumeUp: ["AudioVolumeUp", 175], ChannelUp: ["ChannelUp", 427], ChannelDown: ["ChannelDown", 428],
  ColorF0Red: ["ColorF0Red", 403], ColorF1Green: ["ColorF1Green", 404], ColorF2Yellow: ["ColorF2Yellow", 405],
  ColorF3Blue: ["ColorF3Blue", 406], Info: ["Info", 457], Guide: ["Guide", 458],
});
for (let n = 1; n <= 12; n++) NAMED_KEYS[`F${n}`] = [`F${n}`, 111 + n];

const PUNCTUATION = table({
  ";": ["Semicolon", 186], "=": ["Equal", 187], ",": ["Comma", 188], "-": ["Minus", 189], ".": ["Period", 190],
  "/": ["Slash", 191], "`": ["Backquote", 192], "[": ["BracketLeft", 219], "\\": ["Backslash", 220],
  "]": ["BracketRight", 221], "'": ["Quote", 222],
});
const SHIFTED = table({
  "!": "1", "@": "2", "#": "3", $: "4", "%": "5", "^": "6", "&": "7", "*": "8", "(": "9", ")": "0", ":": ";", "+": "=",
  "<": ",", _: "-", ">": ".", "?": "/", "~": "`", "{": "[", "|": "\\", "}": "]", '"': "'",
});
const MODIFIERS = table({ Alt: 1, Control: 2, Meta: 4, Shift: 8 });
// What Chromium's own key bindings do in a text field. A key event alone does not bring them about in a headless browser.
const EDITING = table({
  "Control+a": "selectAll", "Control+c": "copy", "Control+v": "paste", "Control+x": "cut", "Control+z": "undo",
  "Control+y": "redo",
});

/**
 * The strokes of a key or of a combination such as "Control+a", in the order in which they go down; null when there is
 * no such key.
 */
function keyParameters(combination) {
  const names = combination.split(/\+(?!$)/);
  const strokes = names.map(keyStroke);
  if (strokes.includes(null) || names.slice(0, -1).some((name) => !MODIFIERS[name])) return null;
  if (strokes.length === 1) return strokes;
  let held = 0;
  for (const [i, stroke] of strokes.entries()) {
    held |= MODIFIERS[names[i]] ?? 0;
    stroke.modifiers = held | (stroke.modifiers ?? 0);
  }
  const last = strokes.at(-1);
  if (held & ~MODIFIERS.Shift) delete last.text; // a shortcut writes nothing
  const command = EDITING[`${names.slice(0, -1).join("+")}+${names.at(-1).toLowerCase()}`];
  if (command) last.commands = [command];
  if (held & MODIFIERS.Shift && /^[a-z]$/.test(last.key)) {
    last.key = last.key.toUpperCase();
    if (last.text) last.text = last.key;
  }
  return strokes;
}

/** One stroke, or null for a key that does not exist. Any single character is a key. */
function keyStroke(key) {
  if (NAMED_KEYS[key]) {
    const [code, number, text] = NAMED_KEYS[key];
    return { key, code, windowsVirtualKeyCode: number, ...(text && { text }) };
  }
  if ([...key].length !== 1) return null;
  const base = SHIFTED[key] ?? key.toLowerCase();
  const shift = base !== key ? { modifiers: MODIFIERS.Shift } : {};
  if (/^[a-z]$/.test(base)) {
    const upper = base.toUpperCase();
    return { key, code: `Key${upper}`, windowsVirtualKeyCode: upper.charCodeAt(0), text: key, ...shift };
  }
  if (/^[0-9]$/.test(base)) {
    return { key, code: `Digit${base}`, windowsVirtualKeyCode: base.charCodeAt(0), text: key, ...shift };
  }
  const [code, number] = PUNCTUATION[base] ?? ["", 0];
  return { key, code, windowsVirtualKeyCode: number, text: key, ...shift };
}
