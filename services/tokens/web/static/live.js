// Keeps an element with data-live="ADDRESS" as the server has it, while the page is looked at.
// The server draws it; a page without scripts has a link to itself instead.
"use strict";

const EVERY_MILLISECONDS = 2000;
const EVERY_MILLISECONDS_WHEN_AWAY = 10000;
// An hour; then the session may end as if nobody were there.
const TIMES_MAX = 1800;

// Whoever is on a link of it with the keyboard stays on that link.
function draw(element, text) {
  const on = element.contains(document.activeElement) && document.activeElement.getAttribute("href");
  const drawn = new DOMParser().parseFromString(text, "text/html");
  element.replaceChildren(...drawn.body.childNodes);
  if (on) element.querySelector(`[href="${CSS.escape(on)}"]`)?.focus();
}

async function refresh(element, times = 1) {
  if (times > TIMES_MAX) return;
  let pause = EVERY_MILLISECONDS;
  try {
    const answer = await fetch(element.dataset.live, { cache: "no-store", redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (text !== element.dataset.seen) {
      element.dataset.seen = text;
      draw(element, text);
    }
    if (answer.headers.get("Pushgate-Settled") === "yes") return;
  } catch {
    pause = EVERY_MILLISECONDS_WHEN_AWAY;
  }
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => refresh(element, times + 1), { once: true });
  } else {
    setTimeout(() => refresh(element, times + 1), pause);
  }
}

for (const element of document.querySelectorAll("[data-live]")) refresh(element);
