/**
 * The pages of `docs/` as HTML. Each link leads to another page, and each heading and each code of an error has an
 * address.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { Marked, type Tokens } from "marked";
import { root } from "../../../root.cjs";

/** The folder of the documents. In the built package the code is one folder deeper than the documents. */
export const docsFolder = [join(root, "docs"), join(root, "..", "docs")].find((path) => existsSync(path)) ?? "docs";
/** The document with the map of all pages, which `/docs/guide` shows. */
const MAP = "README.md";

/** The name of a page in its address, such as `operations` or `partners/start`. The name of the map is empty. */
const nameOf = (file: string): string => (file === MAP ? "" : file.replace(/\.md$/, ""));

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** The relative path from a page up to `/docs/`. Links are relative, so that they also work behind a proxy's path. */
const upFrom = (name: string): string => (name === "" ? "" : "../".repeat(name.split("/").length));

/** The address of a heading, in the form that GitHub gives it. */
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");

/** Where a link of a document leads. Null if it leads to a file of the repository that the node does not serve. */
function targetOf(href: string, file: string, files: ReadonlySet<string>): string | null {
  if (/^(https?:|#)/.test(href)) return href;
  const [path = "", hash] = href.split("#", 2);
  const found = posix.join(posix.dirname(file), path);
  if (!files.has(found)) return null;
  const name = nameOf(found);
  return `${upFrom(nameOf(file))}guide${name && `/${name}`}${hash === undefined ? "" : `#${hash}`}`;
}

/** Makes a reader of Markdown for one page, because each page has its own headings and links. */
function readerOf(file: string, files: ReadonlySet<string>): Marked {
  const headings = new Map<string, number>();
  const anchorOf = (text: string) => {
    const slug = slugOf(text);
    const before = headings.get(slug) ?? 0;
    headings.set(slug, before + 1);
    return before === 0 ? slug : `${slug}-${before}`;
  };
  const reader = new Marked({ gfm: true });
  reader.use({
    renderer: {
      heading({ tokens, depth }: Tokens.Heading) {
        const id = anchorOf(this.parser.parseInline(tokens, this.parser.textRenderer));
        return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link) {
        const target = targetOf(href, file, files);
        const words = this.parser.parseInline(tokens);
        return target === null ? words : `<a href="${escaped(target)}">${words}</a>`;
      },
      // Comments in a document are for its authors, so pages leave them out.
      html: ({ text }) => (text.startsWith("<!--") ? "" : text),
      image({ href, text }: Tokens.Image) {
        return `<img src="${escaped(targetOf(href, file, files) ?? href)}" alt="${escaped(text)}" loading="lazy">`;
      },
      table({ header, rows }: Tokens.Table) {
        const cell = (tag: string) => (one: Tokens.TableCell) =>
          `<${tag}>${this.parser.parseInline(one.tokens)}</${tag}>`;
        const lines = rows.map((row) => `<tr${rowId(row)}>${row.map(cell("td")).join("")}</tr>`);
        const head = `<thead><tr>${header.map(cell("th")).join("")}</tr></thead>`;
        return `<div class="table" tabindex="0"><table>${head}<tbody>${lines.join("\n")}</tbody></table></div>\n`;
      },
    },
  });
  return reader;
}

/** The address of a row that begins with a code, such as `errors#not-found`. */
function rowId([first]: Tokens.TableCell[]): string {
  const [code] = first?.tokens ?? [];
  return first?.tokens.length === 1 && code?.type === "codespan" ? ` id="${slugOf(code.text)}"` : "";
}

/** Links to the sections of a page that has many sections. */
function contentsOf(html: string): string {
  const sections = [...html.matchAll(/<h2 id="([^"]+)">(.*)<\/h2>/g)];
  if (sections.length < 5) return "";
  const links = sections.map(([, id, words = ""]) => `<a href="#${id}">${words.replaceAll(/<\/?a[^>]*>/g, "")}</a>`);
  return `<nav class="contents" aria-label="On this page">${links.join("\n")}</nav>\n`;
}

function pageOf(file: string, text: string, files: ReadonlySet<string>): string {
  const up = upFrom(nameOf(file));
  const [, title = "DataFlow"] = /^# (.*)$/m.exec(text) ?? [];
  const html = readerOf(file, files).parse(text, { async: false });
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${escaped(title)} · DataFlow</title>
    <link rel="icon" type="image/png" href="${up}favicon-32x32.png" sizes="32x32">
    <link rel="stylesheet" href="${up}api.guide.css">
  </head>
  <body>
    <header><nav aria-label="DataFlow"><a href="${up}guide">Guide</a> <a href="${up}../docs">API</a> <a href="${up}../">Console</a></nav></header>
    <main>
${html.replace("</h1>\n", `</h1>\n${contentsOf(html)}`)}    </main>
  </body>
</html>
`;
}

export interface GuideFile {
  type: string;
  bytes: Buffer;
}

/** All pages by their names (empty for the map), and the pictures that they show. */
export async function guideFiles(): Promise<Map<string, GuideFile>> {
  const entries = await readdir(docsFolder, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(docsFolder.length + 1)
        .replaceAll("\\", "/"),
    );
  const known = new Set(files);
  const pairs = await Promise.all(
    files.map(async (file): Promise<[string, GuideFile][]> => {
      const bytes = await readFile(join(docsFolder, file));
      if (file.endsWith(".md")) {
        const html = Buffer.from(pageOf(file, bytes.toString(), known));
        return [[nameOf(file), { type: "text/html; charset=utf-8", bytes: html }]];
      }
      return /\.(png|webp)$/.test(file) ? [[file, { type: `image/${file.split(".").at(-1)}`, bytes }]] : [];
    }),
  );
  return new Map(pairs.flat());
}
