/**
 * The promise: every page of `GET /docs/guide` exists, and every link, and the `doc` of every problem, leads to a page and a
 * place on it.
 */
import { problems } from "../../lib/errors.ts";

interface Seen {
  status: number;
  html: string;
  ids: Set<string>;
}

/** All pages that links lead to, beginning with the start page. Pictures have no ids. */
async function crawl(start: string): Promise<{ pages: Map<string, Seen>; broken: string[] }> {
  const pages = new Map<string, Seen>();
  const links: [from: string, to: URL][] = [["", new URL(start)]];
  for (let link = links.pop(); link; link = links.pop()) {
    const [, to] = link;
    const address = to.origin + to.pathname;
    if (pages.has(address) || to.origin !== new URL(start).origin) continue;
    const answer = await fetch(address, { redirect: "manual" });
    const html = answer.headers.get("content-type")?.startsWith("text/html") ? await answer.text() : "";
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id = ""]) => id));
    pages.set(address, { status: answer.status, html, ids });
    if (address.includes("/docs/guide"))
      for (const [, href = ""] of html.matchAll(/(?:href|src)="([^"]*)"/g))
        links.push([address, new URL(href, address)]);
  }
  const broken: string[] = [];
  for (const [from, { html }] of pages)
    if (from.includes("/docs/guide"))
      for (const [, href = ""] of html.matchAll(/(?:href|src)="([^"]*)"/g)) {
        const to = new URL(href, from);
        const seen = pages.get(to.origin + to.pathname);
        if (to.origin !== new URL(start).origin) continue;
        if (seen?.status !== 200 || (to.hash && !seen.ids.has(decodeURIComponent(to.hash.slice(1)))))
          broken.push(`${from}: ${href}`);
      }
  return { pages, broken };
}

export function guideTests(url: () => string): void {
  let found: Awaited<ReturnType<typeof crawl>>;
  const page = (name: string) => found.pages.get(`${url()}/docs/guide${name}`) as Seen;
  beforeAll(async () => {
    found = await crawl(`${url()}/docs/guide`);
  });

  test("from the map on, every link leads to a page, and to a place on it", () => {
    expect(found.broken).toEqual([]);
    for (const name of ["/runbook", "/partners/start", "/settings", "/console", "/images/console-overview.png"])
      expect([name, page(name)?.status]).toEqual([name, 200]);
    expect(page("/runbook").html).toContain('<a href="#dataflowdown">DataflowDown</a>');
    expect(page("/numbers").html).not.toContain("On this page");
  });

  test("its pages load nothing from another host, and no inline script or style, or comment", async () => {
    const { headers } = await fetch(`${url()}/docs/guide/runbook`);
    expect(headers.get("content-security-policy")).toContain("script-src 'self'");
    const inline = /<!--|<(?:script|style)|<[^>]*\s(?:style|on\w+)=/;
    const guide = [...found.pages].filter(([address]) => address.includes("/docs/guide"));
    expect(guide.filter(([, { html }]) => inline.test(html)).map(([address]) => address)).toEqual([]);
  });

  test("every code of a refusal has its place on the page of errors, to which its answer leads", async () => {
    const { ids } = page("/errors");
    expect(Object.keys(problems).filter((code) => !ids.has(code))).toEqual([]);
    const answer = (await (await fetch(`${url()}/nowhere`)).json()) as { doc: string };
    expect(answer.doc).toBe("/docs/guide/errors#not-found");
  });

  test("what is no page is not found, and a slash at the end does not matter", async () => {
    for (const name of ["nothing", "..%2fREADME", "partners/nothing", "README.md", "images/..%2f..%2fpackage.json"])
      expect([name, (await fetch(`${url()}/docs/guide/${name}`)).status]).toEqual([name, 404]);
    const moved = await fetch(`${url()}/docs/guide/`, { redirect: "manual" });
    expect(new URL(moved.headers.get("location") ?? "", moved.url).href).toBe(`${url()}/docs/guide`);
  });
}
