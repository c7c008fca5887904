// Shows the copy buttons, which need a script, and makes them say that they did it.
"use strict";

const SAID_MILLISECONDS = 2500;

async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  const text = "value" in source ? source.value : source.textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    button.classList.add("copied");
  } catch {
    // No clipboard without https or localhost: mark the text, so that one keystroke copies it.
    if ("select" in source) source.select();
    else getSelection().selectAllChildren(source);
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => {
    button.textContent = label;
    button.classList.remove("copied");
  }, SAID_MILLISECONDS);
}

for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    if (button.textContent !== "Copied") copy(button);
  });
}
