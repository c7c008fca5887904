// Shows the copy buttons, which work only with JavaScript, and confirms each copy on the button.
"use strict";

const CONFIRMATION_MILLISECONDS = 2500;

async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  const text = "value" in source ? source.value : source.textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    button.classList.add("copied");
  } catch {
    // Without HTTPS or localhost there is no clipboard API: select the text, ready to be copied.
    if ("select" in source) source.select();
    else getSelection().selectAllChildren(source);
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => {
    button.textContent = label;
    button.classList.remove("copied");
  }, CONFIRMATION_MILLISECONDS);
}

for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    if (button.textContent !== "Copied") copy(button);
  });
}
