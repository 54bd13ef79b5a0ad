// What the tests ask of a page, through the debugger. The page itself has none of it.
globalThis.looking = {
  // Closes what is open; whether anything was.
  close: () => {
    const button = document.querySelector("dialog[open] [data-close]");
    button?.click();
    return button !== null;
  },

  // Waits for a view by what the page says of itself, then taps through what opens.
  play: async ([view, taps, opens]) => {
    const late = Date.now() + 20_000;
    const until = async (ready) => {
      while (!ready()) {
        if (Date.now() > late) throw new Error(`the page never showed view ${view} ${taps}`);
        await new Promise((go) => setTimeout(go, 2));
      }
    };
    const dialog = document.querySelector("dialog");
    const settled = () => dialog.open && dialog.ariaBusy !== "true";
    await until(() => document.body.dataset.view === String(view));
    if (opens) await until(settled);
    for (const tap of taps) {
      document.querySelector(tap).click();
      await until(settled);
    }
  },

  // What a person would call broken: something beyond the edge, cut off, or too small for a glove.
  broken: () => {
    const found = [];
    const name = (e) => `${e.tagName}.${e.className.baseVal ?? e.className} "${e.textContent.trim().slice(0, 40)}"`;
    const root = document.documentElement;
    if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) found.push("the page scrolls");
    const dialog = document.querySelector("dialog[open]");
    const shown = dialog ?? document.body;
    for (const e of shown.querySelectorAll("*")) {
      if (e.closest("svg, .unseen, #said, [hidden]") || !e.checkVisibility()) continue;
      const box = e.getBoundingClientRect();
      if (box.left < -0.5 || box.right > innerWidth + 0.5) found.push(`beyond the side: ${name(e)}`);
      const scrolled = e.closest(".reading");
      if (!scrolled && (box.top < -0.5 || box.bottom > innerHeight + 0.5)) found.push(`below: ${name(e)}`);
      if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display !== "inline")
        found.push(`too wide: ${name(e)}`);
      const cut = getComputedStyle(e).overflowY === "hidden" || e.matches("button, section, main, dialog");
      if (cut && e.scrollHeight > e.clientHeight + 1) found.push(`cut off: ${name(e)}`);
      if (e.matches("button, a, select, input:not([type=hidden], [type=radio]), label.choice"))
        if (box.height < 48 || box.width < 48) found.push(`small target: ${name(e)}`);
    }
    // A word is broken in two only where it would not fit otherwise: then it is too long.
    for (const e of shown.querySelectorAll("h1, h2, th, label, button span, legend")) {
      if (!e.checkVisibility() || e.closest(".unseen, #said")) continue;
      e.style.overflowWrap = "normal";
      if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth) found.push(`a word is broken: ${name(e)}`);
      e.style.overflowWrap = "";
    }
    return found;
  },

  // Texts of the page's own: not what people are called, what they wrote, numbers and dates, and keys.
  texts: () => {
    const found = [];
    const root = document.querySelector("dialog[open]") ?? document.body;
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const others = "bdi, q, code, time, .keys, .notice, option[lang], a[lang], dd, " +
      "[data-clock], [data-date], [data-month], [data-weekday], [data-minutes], script";
    for (let n = walk.nextNode(); n; n = walk.nextNode())
      if (!n.parentElement.closest(others)) {
        const whole = n.parentElement.querySelector(":scope > [data-countdown]") ? n.parentElement : n;
        if (whole.textContent.trim()) found.push(whole.textContent.trim());
      }
    for (const e of root.querySelectorAll("[aria-label]"))
      if (!e.closest(".notice")) found.push(e.getAttribute("aria-label"));
    return found;
  },
};
