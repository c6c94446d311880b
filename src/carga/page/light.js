// What pages need in Lightpanda: it has no timeline entry for a document, its error pages look like any other, and much
// of the platform is missing or there in name only. Whoever asks for that is told by name, for nothing is to fail
// silently. Measured with Lightpanda 1.0.

/** Runs when the whole document has come, so the clock tells how long that took. */
function measureDocument() {
  if (!location.protocol.startsWith("http")) return;
  if (window.origin === "null") {
    batch.h = { url: "chrome-error:" }; // its error page is at the URL that did not load
    return;
  }
  navigationTaken = true;
  count("navigations");
  // The status is the browser's to tell, as of other origins.
  pend("r", ["document", short(location.href.split("#", 1)[0]), clock(), false]);
  document.addEventListener("DOMContentLoaded", () => value("navigation.dom_content_loaded", clock()));
}

const MISSING_NAMES = new Set([
  "AudioContext", "BatteryManager", "ClipboardItem", "DOMQuad", "EyeDropper", "FileSystemHandle", "Gamepad",
  "IdleDetector", "ImageBitmap", "ImageCapture", "ImageDecoder", "KeyframeEffect",
  "MediaRecorder", "MediaSource", "MediaStream", "MediaMetadata", "OfflineAudioContext", "Path2D", "PaymentRequest",
  "PictureInPictureWindow", "Presentation", "PublicKeyCredential", "PushManager", "RTCDataChannel", "RTCIceCandidate",
  "RTCPeerConnection", "RTCSessionDescription", "SpeechSynthesisUtterance", "VideoDecoder", "VideoEncoder", "VideoFrame",
  "WebGL2RenderingContext", "WebGLRenderingContext", "WebTransport", "XRSystem", "caches", "createImageBitmap",
  "speechSynthesis", "webkitAudioContext", "webkitRTCPeerConnection",
]);
/** What is read of them when they are taken to be there. */
const MISSING_OBJECTS = table({
  "navigator.serviceWorker": ["register", "ready", "controller", "getRegistration", "getRegistrations"],
  "navigator.mediaDevices": ["getUserMedia", "enumerateDevices", "getDisplayMedia", "getSupportedConstraints"],
  "navigator.clipboard": ["writeText", "readText"],
  "navigator.mediaSession": ["setActionHandler", "playbackState"],
  "navigator.mediaCapabilities": ["decodingInfo", "encodingInfo"],
  "navigator.connection": ["effectiveType", "downlink", "rtt", "saveData"],
  "navigator.wakeLock, navigator.usb or navigator.credentials": ["request", "requestDevice"],
  "a WebGL context": ["createShader", "createProgram", "createBuffer", "createTexture", "viewport", "clearColor",
    "getExtension", "getParameter", "enable"],
});
/** Methods by what they belong to, of objects that are there without them. */
const MISSING_METHODS = new Set([
  "execCommand", "queryCommandSupported", "startViewTransition", "setPointerCapture", "releasePointerCapture",
  "hasPointerCapture", "requestPointerLock", "getBattery", "getGamepads", "vibrate", "requestMediaKeySystemAccess",
  "requestPictureInPicture", "captureStream", "computedStyleMap", "caretRangeFromPoint", "caretPositionFromPoint",
  "getAnimations", "requestVideoFrameCallback", "setSinkId", "createValueRange", "showPicker", "requestStorageAccess",
  "registerProperty", "transferControlToOffscreen", "getVideoPlaybackQuality",
]);

/** The name of what is missing when that is why a page fails with `text`; else "". */
function missingIn(text) {
  const [, plain] = /(?:^|[\s:])([\w$]+) is not defined/.exec(text) ?? [];
  if (plain) return MISSING_NAMES.has(plain) || (!(plain in window) && /^(RTC|GPU|XR|Media|WebGL|Push|Audio)[A-Z\d]/.test(plain)) ? plain : "";
  const [, called] = /([\w$.]+) is not a (?:function|constructor)/.exec(text) ?? [];
  if (called) {
    const name = called.split(".").at(-1);
    return MISSING_METHODS.has(name) || MISSING_NAMES.has(name) ? called : "";
  }
  const [, property] = /Cannot (?:read|set) properties of (?:undefined|null) \((?:reading|setting) '([^']+)'\)/.exec(text) ?? [];
  for (const object in MISSING_OBJECTS) {
    if (MISSING_OBJECTS[object].includes(property)) return object;
  }
  return "";
}

const idle = new Set(); // what this document has used in vain, told once each

function usedInVain(what) {
  if (idle.has(what)) return;
  idle.add(what);
  cause("page", `does nothing in light: ${what}`, "", location.href);
}

/** Before a call of `method` of `owner`, `tell` says what of it does nothing, or gives "". */
function watchCalls(owner, method, tell) {
  if (!owner?.[method]) return;
  owner[method] = new Proxy(owner[method], {
    apply(target, self, parameters) {
      const what = tell(parameters);
      if (what) usedInVain(what);
      return apply(target, self, parameters);
    },
  });
}

const NEVER_COME = new Set([
  "transitionend", "transitionstart", "transitionrun", "animationend", "animationstart", "animationiteration",
  "scroll", "scrollend", "fullscreenchange", "devicemotion", "deviceorientation",
]);

function watchStubs() {
  watchCalls(window.HTMLCanvasElement?.prototype, "getContext", ([kind]) => `canvas.getContext("${short(kind)}")`);
  watchCalls(window.HTMLMediaElement?.prototype, "play", () => "HTMLMediaElement.play");
  watchCalls(window.EventTarget?.prototype, "addEventListener", ([type]) => (NEVER_COME.has(type) ? `the event ${type}` : ""));
}

/** A connection that is reset ends `fetch` with an answer without a status, where browsers reject it. */
function rejectResets() {
  const { then } = NativePromise.prototype;
  const checked = (response) => {
    if (!response.status && response.type === "basic") throw new TypeError("Failed to fetch");
    return response;
  };
  window.fetch = new Proxy(window.fetch, {
    apply: (target, self, parameters) => apply(then, apply(target, self, parameters), [checked]),
  });
}

/** What a page writes to the console would go to the worker, who has no use for it. */
function silenceConsole() {
  for (const name of ["debug", "dir", "error", "info", "log", "table", "trace", "warn"]) console[name] = () => {};
}

/** Dialogs are answered at once, with yes, as they are in other engines. */
function answerDialogs() {
  window.alert = () => {};
  window.confirm = () => true;
  window.prompt = (_, given = "") => String(given);
}

explain = (text) => {
  const missing = missingIn(text);
  return missing ? `not in light: ${missing}` : text;
};
measureDocument();
watchStubs();
rejectResets();
silenceConsole();
answerDialogs();
