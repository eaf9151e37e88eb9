/** The promise: `GET /` is the console. It loads files of this node only, and its content security policy allows nothing else. */
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "@swc/core";
import { root } from "../../root.cjs";
import { consoleFiles } from "../../services/api/routes/console.files.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${system.url}${path}`, { headers });

/** The settings that a node writes into the page. */
const settingsOf = (html: string) =>
  JSON.parse(/name="dataflow" content="([^"]*)"/.exec(html)?.[1]?.replaceAll("&quot;", '"') ?? "");

test("the page has a policy without anything unsafe; its one inline script is pinned", async () => {
  const page = await get("/");
  const html = await page.text();
  const { headers } = page;
  expect([page.status, headers.get("content-type"), headers.get("cache-control")]).toEqual([
    200,
    "text/html; charset=utf-8",
    "no-cache",
  ]);
  const [, importMap = ""] = /<script type="importmap">(.*?)<\/script>/s.exec(html) ?? [];
  const hash = createHash("sha256").update(importMap).digest("base64");
  expect(headers.get("content-security-policy")?.split("; ")).toEqual([
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]);
  expect(
    Object.fromEntries([...headers].filter(([name]) => /^(x-frame|x-content|referrer|cross|perm)/.test(name))),
  ).toEqual({
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
  });
  expect(html.match(/<script/g)).toHaveLength(2);
  expect(html).not.toMatch(/<style|style=|\son\w+=|https?:\/\/(?!…)/);
  expect((await get("/", { "if-none-match": headers.get("etag") as string })).status).toBe(304);
});

test("its own files make no markup of texts, run no texts, and name no other host", () => {
  const files = globSync("console/**/*.{js,css,html}", { cwd: root });
  expect(files.length).toBeGreaterThan(30);
  const never =
    /\b(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|createContextualFragment)\b|document\.write|\beval\(|new Function|\sstyle=|@import\b(?! \{)|https?:\/\/(?!www\.w3\.org\/|…|[\w.-]+\.example\b)/;
  const faults = files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (never.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(faults).toEqual([]);
});

test("what is served of a module differs from it in its comments alone, line by line", async () => {
  const files = await consoleFiles();
  const modules = globSync("console/**/*.js", { cwd: root });
  const code = (text: string) =>
    transformSync(text, { jsc: { parser: { syntax: "ecmascript" }, target: "es2023" } }).code;
  for (const path of modules) {
    const own = readFileSync(join(root, path), "utf8");
    const sent = (await files.file(path.replace("console/", "")))?.identity.bytes.toString() ?? "";
    expect([path, sent.split("\n").length]).toEqual([path, own.split("\n").length]);
    const bare = (text: string) =>
      code(text)
        .replaceAll(/\/\*\*[\s\S]*?\*\//g, "")
        .replaceAll(/\s+/g, "");
    expect([path, bare(sent)]).toEqual([path, bare(own)]);
  }
});

test("every file that it names is there, for ever; with another hash none is", async () => {
  const html = await (await get("/")).text();
  const named = [...html.matchAll(/(?:src|href)="(console\/[^"]+)"|"\.\/(console\/[^"]+)"/g)].map(
    ([, file, library]) => (file ?? library) as string,
  );
  expect(named.length).toBeGreaterThan(40);
  const answers = await Promise.all(named.map((file) => get(`/${file}`)));
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  for (const [index, answer] of answers.entries()) {
    expect([named[index], answer.status, bodies[index] !== ""]).toEqual([named[index], 200, true]);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("content-type")).toMatch(/^(text\/(javascript|css); charset=utf-8|image\/svg\+xml)$/);
  }
  const [hash = ""] = /(?<=console\/)[\w-]+/.exec(named[0] ?? "") ?? [];
  for (const path of [
    "/console/0123456789abcdef/main.js",
    `/console/${hash}/index.html`,
    `/console/${hash}/tsconfig.json`,
    `/console/${hash}/types.d.ts`,
    `/console/${hash}/lib/..%2fmain.js`,
    `/console/${hash}/..%2f..%2fpackage.json`,
    `/console/${hash}/__proto__`,
    `/console/${hash}/lib/ajv.js`,
    "/console",
    `/console/${hash}`,
  ])
    expect([path, (await get(path)).status]).toEqual([path, 404]);
});

test("a person at this machine reads where the token is, others do not", async () => {
  const own = await startSystem({ env: { ADMIN_TOKEN: "", CONSOLE_LABEL: 'a "label"', CONSOLE_PARTNERS: "false" } });
  try {
    const settings = async (headers: Record<string, string>) =>
      settingsOf(await (await fetch(own.url, { headers })).text());
    expect(await settings({})).toEqual({
      version: expect.stringMatching(/^\d/),
      label: 'a "label"',
      partners: false,
      tokenFile: expect.stringMatching(/test\.db\.admin-token$/),
    });
    expect(await settings({ "x-forwarded-for": "192.0.2.7" })).toMatchObject({ tokenFile: null });
    const login = (secret: string) =>
      fetch(`${own.url}/session`, {
        method: "POST",
        headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
        body: JSON.stringify({ clientIdentifier: "nobody", secret }),
      });
    const refused = await login("x");
    expect([refused.status, await refused.json()]).toEqual([
      403,
      expect.objectContaining({ code: "forbidden", detail: expect.stringContaining("CONSOLE_PARTNERS") }),
    ]);
  } finally {
    await own.stop();
  }
  expect(settingsOf(await (await get("/")).text())).toMatchObject({ label: null, partners: true, tokenFile: null });
});

test("CONSOLE=false serves none of it", async () => {
  const own = await startSystem({ env: { CONSOLE: "false" } });
  try {
    const answers = await Promise.all(["/", "/console/0123456789abcdef/main.js"].map((path) => fetch(own.url + path)));
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  } finally {
    await own.stop();
  }
});
