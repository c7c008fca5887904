// Says what is wrong with the HTML that it is sent: one JSON line {"name", "html"} in, one JSON
// line [{"rule", "message", "line", "column"}, …] out. First argument: where npm put its packages.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.argv[2]}/`);
const { HtmlValidate, StaticConfigLoader } = await import(
  pathToFileURL(require.resolve("html-validate")).href
);
const loader = new StaticConfigLoader({
  root: true,
  extends: ["html-validate:recommended", "html-validate:document"],
  // Our own files come from our own host.
  rules: { "require-sri": ["error", { target: "crossorigin" }] },
});
const validator = new HtmlValidate(loader);

for await (const line of createInterface({ input: process.stdin })) {
  const { name, html } = JSON.parse(line);
  const report = await validator.validateString(html, `${name}.html`);
  const found = report.results.flatMap((result) =>
    result.messages.map(({ ruleId, message, line, column }) => ({
      rule: ruleId,
      message,
      line,
      column,
    })),
  );
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
