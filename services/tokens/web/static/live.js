// Refreshes an element with data-live="URL" from the server while the page is visible.
// The server renders the fragment. Without JavaScript the page shows a link to reload it.
"use strict";

const REFRESH_MILLISECONDS = 2000;
const RETRY_MILLISECONDS = 10000;
// One hour. After that the session may expire as if the page were closed.
const REFRESHES_MAX = 1800;

// Keeps the keyboard focus on the same link.
function replaceContent(element, text) {
  const focused = element.contains(document.activeElement) && document.activeElement.getAttribute("href");
  const parsed = new DOMParser().parseFromString(text, "text/html");
  element.replaceChildren(...parsed.body.childNodes);
  if (focused) element.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

async function refresh(element, refreshes = 1) {
  if (refreshes > REFRESHES_MAX) return;
  let delay = REFRESH_MILLISECONDS;
  try {
    const response = await fetch(element.dataset.live, { cache: "no-store", redirect: "error" });
    if (!response.ok) throw new Error(response.status);
    const text = await response.text();
    if (text !== element.dataset.shown) {
      element.dataset.shown = text;
      replaceContent(element, text);
    }
    if (response.headers.get("Pushgate-Settled") === "yes") return;
  } catch {
    delay = RETRY_MILLISECONDS;
  }
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => refresh(element, refreshes + 1), { once: true });
  } else {
    setTimeout(() => refresh(element, refreshes + 1), delay);
  }
}

for (const element of document.querySelectorAll("[data-live]")) refresh(element);
