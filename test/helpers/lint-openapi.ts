/**
 * Lints the OpenAPI documents on stdin (a JSON array of texts), and prints the findings of each. It runs in a process of its own,
 * because Jest cannot load the linter.
 */
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
async function lint(source: string) {
  const found = await lintFromString({ source, absoluteRef: "openapi.json", config });
  return found.map(({ severity, ruleId, message, location: [place] }) => {
    const at = (place as { pointer?: string } | undefined)?.pointer ?? "";
    return { severity, ruleId, message, at };
  });
}

const sources: string[] = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(await Promise.all(sources.map(lint))));
