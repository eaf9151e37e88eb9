/** The promise: everything that the documents name exists. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { problems } from "../../lib/errors.ts";
import { root } from "../../root.cjs";

const documents = globSync(["*.md", "docs/**/*.md", "bench/*.md", "examples/*.md"], { cwd: root });
const text = (path: string) => readFileSync(join(root, path), "utf8");
const missingIn = (document: string, paths: string[], folder: string) =>
  paths.filter((path) => !existsSync(join(root, folder, path))).map((path) => `${document}: ${path}`);

test.each(documents)("links of %s lead somewhere", (document) => {
  // A link that is written as code does not count. The text of a real link may be code.
  const prose = text(document).replace(/`[^`\n]*`/g, "");
  const links = [...prose.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)].map(([, path]) => path as string);
  expect(missingIn(document, links, dirname(document))).toEqual([]);
});

/** The anchor of a heading, as GitHub makes it. */
const slugOf = (heading: string) =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");

test.each(documents)("links of %s into a page lead to a heading, or the row of a code", (document) => {
  const links = [...text(document).matchAll(/\]\((?!https?:)([^)#\s]*\.md|)#([^)\s]+)\)/g)];
  const missing = links.filter(([, path = "", hash = ""]) => {
    const page = text(path === "" ? document : join(dirname(document), path));
    const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => slugOf(heading));
    const codes = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, code]) => code);
    return ![...headings, ...codes].includes(decodeURIComponent(hash));
  });
  expect(missing.map(([link]) => link)).toEqual([]);
});

test("every guarantee of the architecture names the test that shows it", () => {
  const [, table = ""] = /## Guarantees\n([\s\S]*?)\n## /.exec(text("docs/architecture.md")) ?? [];
  const guarantees = table
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2);
  expect(guarantees.length).toBeGreaterThan(20);
  for (const line of guarantees) expect(line).toMatch(/\]\(\.\.\/test\/[^)]+\.ts\) \|$/);
});

test.each(["CONTRIBUTING.md", "docs/architecture.md"])("files and folders that %s names are there", (document) => {
  const named = [...text(document).matchAll(/`((?:[a-z]+\/)[\w./-]*)`/gi)].map(([, path]) => path as string);
  expect(named.length).toBeGreaterThan(10);
  expect(missingIn(document, named, ".")).toEqual([]);
});

test("docs/errors.md has each code of a refusal, with its status", () => {
  const rows = [...text("docs/errors.md").matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gm)];
  expect(rows.map(([, code, status]) => [code, Number(status)]).toSorted()).toEqual(
    Object.entries(problems)
      .map(([code, { status }]) => [code, status])
      .toSorted(),
  );
});
