/** Lints the document on stdin, and prints what it finds as JSON. A process of its own: Jest cannot load the linter. */
import { text } from "node:stream/consumers";
import { createConfig, lintFromString } from "@redocly/openapi-core";

const config = await createConfig({
  extends: ["recommended"],
  rules: {
    "no-invalid-media-type-examples": "error",
    "no-invalid-parameter-examples": "error",
    "no-invalid-schema-examples": "error",
  },
});
const found = await lintFromString({ source: await text(process.stdin), absoluteRef: "openapi.json", config });
const lines = found.map(({ severity, ruleId, message, location: [place] }) => {
  const at = (place as { pointer?: string } | undefined)?.pointer ?? "";
  return { severity, ruleId, message, at };
});
console.log(JSON.stringify(lines));
