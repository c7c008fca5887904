// Shows the derived schema name while the name is typed. The rule is the same as in
// services/tokens/domain/schema_name.py (a test compares them); the server's answer decides.
"use strict";

const RESERVED = ["public", "information_schema", "_pushgate"];

function deriveSchemaName(displayName) {
  return displayName.toLowerCase().replace(/[ -]/g, "_").replace(/[^a-z0-9_$]/g, "");
}

function isUsable(schemaName, charactersMax) {
  return /^[a-z_][a-z0-9_$]*$/.test(schemaName) && schemaName.length <= charactersMax
    && !RESERVED.includes(schemaName) && !schemaName.startsWith("pg_");
}

if (typeof document !== "undefined") {
  for (const input of document.querySelectorAll("[data-schema-name]")) {
    const output = document.getElementById(input.dataset.schemaName);
    const show = () => {
      const derived = deriveSchemaName(input.value.trim());
      if (!input.value.trim()) output.textContent = "–";
      else if (isUsable(derived, Number(input.dataset.charactersMax))) output.textContent = derived;
      else output.textContent = "No schema name can be derived from this name";
    };
    input.addEventListener("input", show);
    show();
  }
  for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;
}
