// A second click on a form that is carried out once would only hide the answer to the first.
"use strict";

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
// Coming back to the page by the browser's memory, the form may be sent again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
