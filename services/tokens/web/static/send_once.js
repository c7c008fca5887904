// Prevents a second submit of a one-time form, which would hide the response to the first.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  const preview = event.submitter && event.submitter.name === "preview";
  if (preview || !form.querySelector('input[name="form_id"]')) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
// Restored from the back/forward cache: the form was already submitted, so load a new one.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
