// Asks for frames. With rendering "paced" nothing is drawn unless somebody asks: this part knows when the page waits for a
// frame, and says in how many milliseconds it would like one. It runs in the frames of a page too, first of all parts.
// Whoever asks is answered once; as long as a page waits for more, it asks again when its frame has come.

let frameBeat = () => {};

if (window[NAMES.binding + "_frame"]) {
  const SOON_MS = 16; // somebody waits for it
  const AFTER_CHANGE_MS = 100; // nobody is known to; changes within that time share a frame
  const ANIMATION_MS = 100;
  const ENDLESS_MS = 500; // a spinner turns for nobody
  const ASK_AGAIN_MS = 1000; // what was asked for got lost with the GPU process, or came while the page was loading
  const QUIET_MS = 5000; // changes that nothing here can see: style sheets, moving pictures
  const WATCHED = { subtree: true, childList: true, attributes: true, characterData: true };

  const { apply, defineProperty, getOwnPropertyDescriptor } = Reflect;
  const clock = performance.now.bind(performance);
  const nativeFrame = window.requestAnimationFrame.bind(window);
  const nativeSetTimeout = window.setTimeout.bind(window);
  const nativeClearTimeout = window.clearTimeout.bind(window);
  const ask = window[NAMES.binding + "_frame"].bind(window);
  delete window[NAMES.binding + "_frame"];

  let due = Infinity; // when the frame that was asked for is due
  let timer = 0;
  let last = 0;
  let hurry = false; // the page has callbacks or events that come with frames

  const want = (ms) => {
    const at = clock() + ms;
    if (at >= due) return;
    if (due === Infinity) nativeFrame(came);
    due = at;
    nativeClearTimeout(timer);
    timer = nativeSetTimeout(askAgain, ms + ASK_AGAIN_MS);
    ask(String(ms));
  };
  const askAgain = () => {
    timer = nativeSetTimeout(askAgain, ASK_AGAIN_MS);
    ask(String(SOON_MS));
  };
  const came = () => {
    nativeClearTimeout(timer);
    due = Infinity;
    last = clock();
    const ms = animationsNext();
    if (ms !== Infinity) want(ms);
  };
  const changed = () => want(hurry ? SOON_MS : AFTER_CHANGE_MS);

  /** In how many milliseconds an animation has something to show or to end; Infinity when there is none. */
  const animationsNext = () => {
    let next = Infinity;
    for (const animation of document.getAnimations()) {
      if (animation.playState !== "running" || !animation.effect) continue;
      hurry = true;
      const { delay, endTime, localTime } = animation.effect.getComputedTiming();
      const now = Number(localTime ?? 0);
      const rest = now < delay ? delay - now : endTime === Infinity ? ENDLESS_MS : endTime - now;
      const most = now < delay || endTime === Infinity ? ENDLESS_MS : ANIMATION_MS;
      next = Math.min(next, Math.max(SOON_MS, Math.min(Math.ceil(rest), most)));
    }
    return next;
  };

  /** Has `owner[name]`, a function, tell us that it is called. */
  const before = (owner, name, told) => {
    const native = owner?.[name];
    if (typeof native !== "function") return;
    owner[name] = new Proxy(native, {
      apply(target, self, parameters) {
        told();
        return apply(target, self, parameters);
      },
    });
  };
  // Asking comes first: then `came` is called before the callbacks of its frame, and what they ask for is a new frame.
  const soon = () => want(SOON_MS);
  const hurrySoon = () => {
    hurry = true;
    want(SOON_MS);
  };
  const observer = new MutationObserver(changed);
  const watch = (root) => observer.observe(root, WATCHED);

  before(window, "requestAnimationFrame", soon);
  before(window.IntersectionObserver?.prototype, "observe", hurrySoon);
  before(window.ResizeObserver?.prototype, "observe", hurrySoon);
  before(Element.prototype, "animate", hurrySoon);
  Element.prototype.attachShadow = new Proxy(Element.prototype.attachShadow, {
    apply(target, self, parameters) {
      const root = apply(target, self, parameters);
      watch(root);
      return root;
    },
  });
  before(Element.prototype, "scrollIntoView", soon);
  for (const owner of [window, Element.prototype]) {
    for (const name of ["scroll", "scrollTo", "scrollBy"]) before(owner, name, soon);
  }
  for (const name of ["scrollTop", "scrollLeft"]) {
    const property = getOwnPropertyDescriptor(Element.prototype, name);
    const set = new Proxy(property.set, {
      apply(target, self, parameters) {
        soon();
        apply(target, self, parameters);
      },
    });
    defineProperty(Element.prototype, name, { ...property, set });
  }
  watch(document);
  soon();

  /** Called now and then: a page that looks idle is given a frame all the same, sooner when it has frames of others. */
  frameBeat = () => {
    if (window.length || clock() - last > QUIET_MS) want(AFTER_CHANGE_MS);
  };
}
