/** The promise: the compose file starts a cluster with few rights: pinned images, no rights of root, no secrets. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../config/config.ts";
import { serviceNames } from "../../config/services.ts";
import { settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";
import {
  all,
  type ComposeService,
  compose,
  environment,
  filled,
  ours,
  packageJson,
  services,
  text,
} from "./deployment.kit.ts";

export function composeTests(): void {
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
    // SQL Server's program file has this capability, and does not start without it.
    const mssql = ["mssql", ["ALL"], ["NET_BIND_SERVICE"], []];
    expect(rights).toEqual(services.map(([name]) => (name === "mssql" ? mssql : bare(name))));
    // The other services need no `user`, because our image and SQL Server's have a user of their own.
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
    // Redis stores nothing on disk.
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
      else expect([name, image]).toEqual([name, expect.stringMatching(/:(v?\d+\.\d+\.\d+(-|$)|\d+\.\d+-|\d+-CU\d+-)/)]);
  });

  test("what serves others tells whether it is well, and a stop has the time that the settings promise", () => {
    // mssql-init ends by itself, and the collector's image has no program that could send a request.
    const silent = ["mssql-init", "otel-collector"];
    const plain = services.filter(([name, { build }]) => !build && !silent.includes(name));
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

  test("Grafana does not start with an empty password, for which it would take its own default", () => {
    const { grafana } = compose.services as Record<string, ComposeService>;
    const [shell = "", ...args] = (grafana?.entrypoint ?? []).map((part) => part.replaceAll("$$", "$"));
    const start = (password: string) =>
      spawnSync(
        shell,
        args.map((part) => part.replace("/run.sh", "echo started")),
        {
          env: { GF_SECURITY_ADMIN_PASSWORD: password, PATH: process.env.PATH },
          encoding: "utf8",
        },
      );
    expect(start("")).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("GRAFANA_PASSWORD") });
    expect(start("a secret")).toMatchObject({ status: 0, stdout: "started\n" });
  });
}
