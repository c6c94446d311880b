// Asks for frames. With rendering "paced" nothing is drawn unless somebody asks: this part knows when the page waits for a
// frame, and says in how many milliseconds it would like one. It runs in the frames of a page too, first of all parts.
// Whoever asks is answered once; as long as a page waits for more, it asks again when its frame has come. A frame that is
// asked for as "d16" has its pixels drawn too, for the few things that the compositor does alone.

let frameBeat = () => {};

if (window[NAMES.binding + "_frame"]) {
  const SOON_MS = 16; // somebody waits for it
  const AFTER_CHANGE_MS = 100; // nobody is known to; changes within that time share a frame
  const AFTER_INPUT_MS = 100; // a frame that comes without being asked for
  const ANIMATION_MS = 100;
  const ENDLESS_MS = 500; // a spinner turns for nobody
  const ASK_AGAIN_MS = 1000; // what was asked for got lost with the GPU process, or came while the page was loading
  const QUIET_MS = 5000; // changes that nothing here can see: style sheets, moving pictures
  const SMOOTH_MS = 1500; // without an event a smooth scroll has ended, or was none
  const TRANSITION_MS = 10000; // a view transition that does not say that it has finished
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
  let drawnUntil = 0;

  const want = (ms, drawn = false) => {
    const at = clock() + ms;
    if (at >= due) return;
    expect(at);
    ask((drawn || at < drawnUntil ? "d" : "") + ms);
  };
  const expect = (at) => {
    if (due === Infinity) nativeFrame(came);
    due = at;
    nativeClearTimeout(timer);
    timer = nativeSetTimeout(askAgain, at - clock() + ASK_AGAIN_MS);
  };
  const askAgain = () => {
    timer = nativeSetTimeout(askAgain, ASK_AGAIN_MS);
    ask("d" + SOON_MS);
  };
  const came = () => {
    nativeClearTimeout(timer);
    due = Infinity;
    last = clock();
    const ms = last < drawnUntil ? SOON_MS : animationsNext();
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
        told(self, parameters);
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
  /** A smooth scroll is the compositor's; any other only wants its event. */
  const scrolls = (self, [options]) => {
    const scroller = self instanceof Element ? self : document.documentElement;
    const asked = options?.behavior ?? "auto";
    const smooth = asked === "auto" ? scroller && getComputedStyle(scroller).scrollBehavior : asked;
    if (smooth === "smooth") drawnUntil = Math.max(drawnUntil, clock() + SMOOTH_MS);
    soon();
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
  before(window, "requestIdleCallback", changed); // idle is what is left of a frame
  before(Element.prototype, "scrollIntoView", scrolls);
  for (const owner of [window, Element.prototype]) {
    for (const name of ["scroll", "scrollTo", "scrollBy"]) before(owner, name, scrolls);
  }
  for (const name of ["scrollTop", "scrollLeft"]) {
    const property = getOwnPropertyDescriptor(Element.prototype, name);
    const set = new Proxy(property.set, {
      apply(target, self, parameters) {
        scrolls(self, []);
        apply(target, self, parameters);
      },
    });
    defineProperty(Element.prototype, name, { ...property, set });
  }
  if (document.startViewTransition) {
    Document.prototype.startViewTransition = new Proxy(Document.prototype.startViewTransition, {
      apply(target, self, parameters) {
        drawnUntil = clock() + TRANSITION_MS;
        soon();
        const transition = apply(target, self, parameters);
        const over = () => (drawnUntil = 0);
        transition.finished.then(over, over);
        return transition;
      },
    });
  }
  const scrolled = () => {
    if (clock() < drawnUntil) drawnUntil = Math.max(drawnUntil, clock() + SMOOTH_MS);
    want(ANIMATION_MS);
  };
  const acted = (event) => {
    if (event.isTrusted && due === Infinity) expect(clock() + AFTER_INPUT_MS);
  };
  for (const type of ["keydown", "mousedown"]) addEventListener(type, acted, { capture: true, passive: true });
  addEventListener("scroll", scrolled, { capture: true, passive: true });
  addEventListener("scrollend", () => (drawnUntil = 0), { capture: true, passive: true });
  watch(document);
  soon();

  /** Called now and then: a page that looks idle is given a frame all the same, sooner when it has frames of others. */
  frameBeat = () => {
    const quiet = clock() - last > QUIET_MS;
    if (window.length || quiet) want(AFTER_CHANGE_MS, quiet);
  };
}
