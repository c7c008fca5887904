// A second click on a form that is carried out once would only hide the answer to the first.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  const preview = event.submitter && event.submitter.name === "preview";
  if (preview || !form.querySelector('input[name="form_id"]')) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
// Back on the page by the browser's memory: its form was sent, so a fresh one is asked for.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
