/** The files of a deployment as texts and data: the instructions of the Dockerfile, the services of the compose file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../root.cjs";

export const text = (path: string) => readFileSync(join(root, path), "utf8");
export const packageJson = JSON.parse(text("package.json"));

/** The instructions of the Dockerfile, with continued lines joined. */
export const instructions = text("Dockerfile")
  .replace(/^#.*\n/gm, "")
  .replace(/\\\n\s*/g, " ")
  .trim()
  .split(/\n+/)
  .map((line) => ({ name: line.split(" ")[0] as string, rest: line.slice(line.indexOf(" ") + 1) }));
export const all = (name: string) => instructions.filter((one) => one.name === name).map(({ rest }) => rest);
export interface ComposeService {
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
  entrypoint?: string[];
  environment?: Record<string, string>;
  profiles?: string[];
  healthcheck?: object;
  depends_on?: Record<string, object>;
  stop_grace_period?: string;
  deploy?: { replicas: number };
  volumes?: string[];
}
interface Compose {
  services: Record<string, ComposeService>;
  volumes: object;
}

/** Fills in variables as Compose does: `${A}`, `${A:-other}` (which may contain another variable), `${A:?why}` and `$$`. */
export function filled(value: string, env: Record<string, string>): string {
  const inner = /\$\{(\w+)(?::([-?])([^${}]*))?\}/;
  let rest = value;
  for (let found = inner.exec(rest); found; found = inner.exec(rest)) {
    const [whole, name = "", kind, other = ""] = found;
    if (kind === "?" && !env[name]) throw new Error(`${name}: ${other}`);
    rest = rest.replace(whole, () => env[name] || (kind === "-" ? other : ""));
  }
  return rest.replaceAll("$$", "$");
}

export const compose = parse(text("docker-compose.yml"), { merge: true }) as Compose;
export const services = Object.entries(compose.services);
export const ours = services.filter(([, { build }]) => build);
const env = {
  ADMIN_TOKEN: "t".repeat(24),
  RABBITMQ_PASSWORD: "rabbit",
  REDIS_PASSWORD: "redis",
  MSSQL_SA_PASSWORD: "Mssql1",
  POSTGRES_PASSWORD: "pg",
};
export const environment = ({ environment: values = {} }: ComposeService, more = {}) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, filled(value, { ...env, ...more })]));
