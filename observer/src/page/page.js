// Keeps the page up to date: puts each fragment that an event brings in its place, says when events do not come, and loads
// the page anew when another run or another process of the observer is there. Nothing else: the observer draws.
"use strict";

(() => {
  const body = document.body;
  const path = body.dataset.events;
  if (!path) return;

  const instance = document.documentElement.dataset.instance;
  const banner = document.getElementById("connection");
  const pause = document.getElementById("pause");
  const waiting = new Map(); // Fragments that came and are not in their places yet, by id.
  const retryMs = 5000; // After an answer that is none; for a broken connection the browser retries by itself.
  let lostAt = null;
  let source = null;

  const reload = () => {
    if (source) source.close();
    location.reload();
  };

  const lost = () => {
    if (lostAt) return;
    lostAt = new Date();
    banner.textContent =
      `Disconnected since ${lostAt.toLocaleTimeString()}: these figures are from before. Trying again …`;
    banner.hidden = false;
  };

  const found = () => {
    lostAt = null;
    banner.hidden = true;
    banner.textContent = "";
  };

  // What the keyboard is on has a name that outlives the fragment: its id, or where it leads.
  const nameOf = (element) =>
    element.id ? `#${CSS.escape(element.id)}`
      : element.hasAttribute("href") ? `[href="${CSS.escape(element.getAttribute("href"))}"]`
      : element.hasAttribute("aria-label") ? `[aria-label="${CSS.escape(element.getAttribute("aria-label"))}"]`
      : null;

  const isBeingRead = (element) => {
    const selection = document.getSelection();
    return selection && !selection.isCollapsed && element.contains(selection.anchorNode);
  };

  const place = (id, html) => {
    const element = document.getElementById(id);
    if (!element) return true;
    if (isBeingRead(element)) return false;
    const active = document.activeElement;
    const name = element.contains(active) && active !== element ? nameOf(active) : null;
    const scrolled = [...element.querySelectorAll(".scroll")].map((scroller) => scroller.scrollLeft);
    element.innerHTML = html;
    element.querySelectorAll(".scroll").forEach((scroller, n) => { scroller.scrollLeft = scrolled[n] || 0; });
    if (name) element.querySelector(name)?.focus({ preventScroll: true });
    return true;
  };

  const isPaused = () => pause.getAttribute("aria-pressed") === "true";

  const placeAll = () => {
    if (isPaused()) return;
    for (const [id, html] of waiting) {
      if (place(id, html)) waiting.delete(id);
    }
  };

  const state = (event) => {
    const { run, state: runState, fragments } = JSON.parse(event.data);
    if ((run || "") !== body.dataset.run) return reload();
    body.dataset.state = runState;
    for (const [id, html] of Object.entries(fragments)) waiting.set(id, html);
    placeAll();
  };

  const hello = (event) => {
    if (JSON.parse(event.data).instance !== instance) return reload();
    found();
  };

  // An answer that is no stream: the session has ended, or there are too many readers.
  const refused = async () => {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.redirected) return reload();
    } catch {
      // Nobody is there: as before.
    }
    setTimeout(listen, retryMs);
  };

  const listen = () => {
    source = new EventSource(path);
    source.addEventListener("hello", hello);
    source.addEventListener("state", state);
    source.addEventListener("error", () => {
      lost();
      if (source.readyState === EventSource.CLOSED) refused();
    });
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    const paused = !isPaused();
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Updates are paused: go on" : "Pause updates";
    placeAll();
  });
  document.addEventListener("selectionchange", placeAll);
  // A page that is left does not hold one of the observer's places for readers.
  addEventListener("pagehide", () => source && source.close());
  addEventListener("pageshow", (event) => event.persisted && reload());
  listen();
})();
