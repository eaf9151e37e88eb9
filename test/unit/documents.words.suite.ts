/** The promise: what the text of the documents names exists: calls, settings, pages, and messages of a node. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { pages } from "./documents.kit.ts";
import { isVariable, routeOf } from "./documents.shell.ts";

const text = (path: string) => readFileSync(join(root, path), "utf8");
/** Words of databases, Linux and Node, and names in examples, that look like settings. */
const notSettings = new Set([
  "DEFAULT_DATABASE",
  "NET_BIND_SERVICE",
  "NODE_EXTRA_CA_CERTS",
  "NOW_MS",
  "QUOTED_IDENTIFIER",
  "READ_COMMITTED_SNAPSHOT",
  "RESTORED_URL",
  "SERVER_URL",
]);

export function wordsTests(): void {
  describe("words in the text", () => {
    const inText = (page: string, expression: RegExp) => [...text(page).matchAll(expression)];

    test.each(pages)("%s: calls of the API are routes", (page) => {
      const calls = inText(page, /`(GET|POST|PUT|PATCH|DELETE) (\/[^\s`?]*)/g);
      const unknown = calls.filter(([, method = "", path = ""]) => !routeOf(method, path));
      expect(unknown.map(([call]) => call)).toEqual([]);
    });

    test.each(pages)("%s: settings are those of a node, or of who calls it", (page) => {
      const others = text("deploy/compose.env.example");
      const unknown = inText(page, /`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`/g).filter(
        ([, name = ""]) => !isVariable(name) && !notSettings.has(name) && !others.includes(name),
      );
      expect(unknown.map(([name]) => name)).toEqual([]);
    });
  });

  test("the map leads to every page", () => {
    const linked = [...text("docs/README.md").matchAll(/\]\(([^)#]+)/g)].map(([, path = ""]) => join("docs", path));
    const all = globSync("docs/**/*.md", { cwd: root }).filter((page) => page !== "docs/README.md");
    expect(all.filter((page) => !linked.includes(page))).toEqual([]);
  });

  test("what docs/troubleshooting.md quotes of a node that does not start is said by one", () => {
    const [, table = ""] = /## A node does not start\n(.*?)\n## /s.exec(text("docs/troubleshooting.md")) ?? [];
    const quoted = [...table.matchAll(/^\| `([^`]+)`/gm)].flatMap(([, quote = ""]) => quote.split(/…|NAME:/));
    const files = globSync(["config/*.ts", "database/**/*.ts", "lib/**/*.ts", "mixins/*.ts"], { cwd: root });
    const source = files.map(text).join("\n");
    expect(quoted.length).toBeGreaterThan(5);
    // The product's message may be put together from parts, such as `one that is behind by ${steps}: run …`.
    expect(quoted.map((part) => part.trim()).filter((part) => !source.includes(part))).toEqual([]);
  });
}
