// The page's own part: it shows what the server sends, and sends what people do. No words in here.
"use strict";
(() => {
  const body = document.body;
  const panel = document.getElementById("panel");
  const stage = document.getElementById("stage");
  const language = body.dataset.language;
  const zone = body.dataset.zone;
  const token = document.querySelector("meta[name=kiosk-token]").content;
  let opened = null; // the panel that the door opened; closing it tells the door
  let wanted = 0; // the last panel that was asked for: an earlier answer that comes late is dropped

  const address = (path) => `/${path}${path.includes("?") ? "&" : "?"}language=${language}`;

  // -- clock -------------------------------------------------------------------------------------
  const dated = (options) =>
    new Intl.DateTimeFormat(document.documentElement.lang, { ...options, timeZone: zone });
  const time = dated({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = dated({ weekday: "long", day: "numeric", month: "long" });
  // A day that the server names is a day, not an instant: no zone moves it.
  const named = (text, options) =>
    new Intl.DateTimeFormat(document.documentElement.lang, { ...options, timeZone: "UTC" }).format(
      new Date(`${text}T00:00:00Z`)
    );

  const dress = (root) => {
    const now = new Date();
    for (const e of root.querySelectorAll("[data-clock=time]")) e.textContent = time.format(now);
    for (const e of root.querySelectorAll("[data-clock=date]")) e.textContent = day.format(now);
    for (const e of root.querySelectorAll("[data-date]"))
      e.textContent = named(e.dataset.date, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
    for (const e of root.querySelectorAll("[data-month]"))
      e.textContent = named(`${e.dataset.month}-01`, { month: "long", year: "numeric" });
    for (const e of root.querySelectorAll("[data-weekday]"))
      e.textContent = named(e.dataset.weekday, { weekday: "short", day: "numeric" });
  };

  setInterval(() => {
    dress(body);
    for (const e of document.querySelectorAll("[data-countdown]")) {
      const left = Number(e.textContent) - 1;
      if (left > 0) e.textContent = left;
      else e.closest("[data-until]")?.remove();
    }
  }, 1000);

  // -- talking to the server ---------------------------------------------------------------------
  const send = (path, value) =>
    fetch(address(path), {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Kiosk-Token": token },
      body: JSON.stringify(value),
    });
  const act = (name, value = {}) => send(`actions/${name}`, value);

  const fill = (html) => {
    panel.innerHTML = html;
    panel.setAttribute("aria-busy", "false");
    dress(panel);
    if (!panel.open) panel.showModal();
    (panel.querySelector("[autofocus]") ?? panel.querySelector("h1"))?.focus();
  };
  const ask = async (response, mine) => {
    panel.setAttribute("aria-busy", "true");
    const answer = await response;
    if (mine !== wanted) return;
    if (answer.status === 204) dismiss();
    else if (answer.ok) fill(await answer.text());
    else if (answer.status === 403) location.reload(); // of an earlier start: its token is no more
    else dismiss();
  };
  const open = (path) => ask(fetch(address(`panels/${path}`)), ++wanted);
  const post = (path, value) => ask(send(path, value), ++wanted);

  const dismiss = () => {
    wanted += 1;
    panel.setAttribute("aria-busy", "false");
    if (panel.open) panel.close();
    panel.replaceChildren();
  };
  const close = () => {
    if (opened !== null) act(opened.startsWith("panels/notice") ? "declined" : "closed");
    dismiss();
  };

  // -- what the door shows -----------------------------------------------------------------------
  // An answer must be seen: a panel that somebody left open makes room for it. Being unknown is none:
  // whoever types a PIN because their face is not used stands before the camera as well.
  const ANSWERS = ["ACCEPTED", "ALREADY", "UNDONE", "WAITING"];

  // What stays as it is stays in place: a button that a finger is on must not be replaced under it.
  const settle = (old, fresh) => {
    if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    settleAll(old, fresh);
  };
  const settleAll = (old, fresh) => {
    const [was, is] = [[...old.childNodes], [...fresh.childNodes]];
    is.forEach((node, n) => (n < was.length ? settle(was[n], node) : old.append(node)));
    for (const node of was.slice(is.length)) node.remove();
  };
  const put = (place, html) => {
    const fresh = document.createElement("div");
    fresh.innerHTML = html;
    dress(fresh);
    settleAll(place, fresh);
  };

  const show = (view) => {
    body.dataset.signal = view.signal;
    put(stage, view.stage);
    put(document.getElementById("status"), view.status);
    const said = stage.firstElementChild.dataset.said;
    const voice = document.getElementById("said");
    if (voice.textContent !== said) voice.textContent = said;
    body.dataset.picture = view.picture;
    body.dataset.view = view.number;
    look(view.picture);
    if (view.panel !== opened) {
      opened = view.panel;
      if (opened === null) dismiss();
      else open(opened.slice("panels/".length));
    } else if (opened === null && panel.open && ANSWERS.includes(view.signal)) dismiss();
  };

  const look = (wanted) => {
    const picture = document.getElementById("picture");
    const preview = document.getElementById("preview");
    if (picture.hidden !== wanted) return;
    picture.hidden = !wanted;
    if (wanted) preview.src = `/preview?${Date.now()}`;
    else preview.removeAttribute("src"); // ends the stream
  };

  const events = new EventSource(address("events"));
  let lost = false;
  events.addEventListener("view", (event) => show(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    lost = true;
    document.getElementById("lost").hidden = false;
  });
  // Another start has another token: the page is loaded anew once the server is there.
  events.addEventListener("open", () => lost && location.reload());

  // -- what people do ----------------------------------------------------------------------------
  let typing = null;
  let capitals = false;
  const press = (key) => {
    const field = typing?.isConnected ? typing : panel.querySelector("input:not([type=hidden], [type=radio])");
    if (!field) return;
    if (key === "shift") {
      capitals = !capitals;
      panel.querySelector(".letters")?.classList.toggle("capitals", capitals);
      return;
    }
    if (key === "more") {
      panel.querySelector(".letters")?.classList.toggle("more");
      return;
    }
    if (key === "clear") field.value = "";
    else if (key === "back") field.value = [...field.value].slice(0, -1).join("");
    else if (field.maxLength < 0 || field.value.length < field.maxLength)
      field.value += capitals ? key.toLocaleUpperCase(language.replace("_", "-")) : key;
  };
  const turn = (field, minutes) => {
    const [h, m] = field.value.split(":").map(Number);
    const sum = (((h || 0) * 60 + (m || 0) + minutes) % 1440 + 1440) % 1440;
    field.value = `${String(Math.floor(sum / 60)).padStart(2, "0")}:${String(sum % 60).padStart(2, "0")}`;
  };

  document.addEventListener("focusin", (event) => {
    if (!event.target.matches("input:not([type=radio])")) return;
    typing = event.target;
    panel.querySelector(".letters")?.classList.toggle("more", typing.dataset.layer === "more");
  });
  // A key on the screen leaves the focus in the field.
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest("[data-key], [data-minutes]")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { key, minutes, panel: path, action, request, ...rest } = button.dataset;
    if (key !== undefined) press(key);
    else if (minutes !== undefined) turn(button.parentElement.querySelector("input"), Number(minutes));
    else if (path !== undefined) open(path);
    else if (request !== undefined) post("requests", JSON.parse(request));
    else if (action !== undefined) {
      act(action, rest);
      if (panel.contains(button)) dismiss();
    } else if ("close" in button.dataset) close();
  });
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const value = Object.fromEntries(new FormData(form));
    if (form.dataset.action) {
      act(form.dataset.action, value);
      dismiss();
    } else if (form.dataset.request) post("requests", { kind: form.dataset.request, ...value });
    else if ("consent" in form.dataset) post("consent", value);
  });
  panel.addEventListener("cancel", (event) => {
    event.preventDefault(); // Escape
    close();
  });

  // -- privacy when somebody walked away ---------------------------------------------------------
  let idle;
  const touched = () => {
    clearTimeout(idle);
    idle = setTimeout(() => {
      if (panel.open) close();
      if (location.search) location.replace("/");
    }, Number(body.dataset.idle) * 1000);
  };
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, touched);
  touched();
  dress(body);
})();
