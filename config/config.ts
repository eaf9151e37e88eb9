import { existsSync, readFileSync, statSync } from "node:fs";
import { inspect, parseEnv } from "node:util";
import { type Setting, shown } from "./parse.ts";
import { withCompanions } from "./services.ts";
import { pushClientNames, settings, type Values } from "./settings.ts";
import { type AllowedTables, allowedFault } from "./tables.ts";

export { hostOf, maskUrl } from "./parse.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadOptions {
  /** Whether the output goes to a terminal. Decides the default of LOG_FORMAT. */
  isTerminal?: boolean;
  /** Checks that a configured HANDLERS_DIR exists. Left out: no check. */
  isDirectory?: (path: string) => boolean;
}

export type Config = Readonly<ReturnType<typeof complete>>;

/** Everything that is wrong with the settings, at once. No message shows a secret. */
export class ConfigError extends Error {
  readonly faults: readonly SettingFault[];
  constructor(faults: readonly SettingFault[], cause?: Error) {
    super(faults.map(({ name, expected, found }) => `${name}: expected ${expected}; found ${found}`).join("\n"), {
      cause,
    });
    this.faults = faults;
    // Operators read it, and Moleculer's runner prints it with its stack. Our code's stack does not help them.
    this.stack = this.message;
    Object.defineProperty(this, "faults", { enumerable: false });
    Object.defineProperty(this, "name", { value: "ConfigError", enumerable: false });
  }

  /** Moleculer prints an error's message and then the error: one line is enough. */
  [inspect.custom](): string {
    return "[ConfigError]";
  }
}

/** The settings in `env`: checked as a whole, completed and frozen. An empty variable is one that is not set. */
export function loadConfig(env: Environment, options: LoadOptions = {}): Config {
  const { values, faults } = readSettings(env);
  faults.push(...unknownNames(env), ...rulesBetween(values), ...missingHandlers(env, options));
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => withoutToken(fault, env.ADMIN_TOKEN?.trim())));
  const config = Object.freeze(complete(values as Values, options.isTerminal ?? false));
  given.set(config, givenIn(env));
  return config;
}

/**
 * The texts of the variables that a configuration was made from. They are kept outside of it, because only `toldSettings` needs
 * them.
 */
const given = new WeakMap<Config, Readonly<Record<string, string>>>();

function givenIn(env: Environment): Record<string, string> {
  const names = Object.values<Setting<unknown>>(settings).map(({ name }) => name);
  return Object.fromEntries(names.flatMap((name) => (env[name]?.trim() ? [[name, env[name].trim()]] : [])));
}

/** The variables that were set, by name. The values contain secrets. */
export const givenTo = (config: Config): Readonly<Record<string, string>> => given.get(config) ?? {};

function readSettings(env: Environment) {
  const values: Record<string, unknown> = {};
  const faults: SettingFault[] = [];
  for (const [key, { name, default: fallback, parser, secrecy }] of Object.entries<Setting<unknown>>(settings)) {
    const text = env[name]?.trim();
    if (text) values[key] = parser.parse(text);
    else values[key] = fallback ? parser.parse(fallback) : fallback;
    if (text && values[key] === undefined)
      faults.push({ name, expected: parser.expected, found: (parser.found ?? shown)(text, secrecy) });
  }
  return { values: values as Partial<Values>, faults };
}

/** Does not show the value of an unknown name: DATAFLOW_ADMIN_TOKEN would be such a name. */
function unknownNames(env: Environment): SettingFault[] {
  const known = new Set(Object.values<Setting<unknown>>(settings).map(({ name }) => name));
  return Object.keys(env)
    .filter((name) => name.startsWith("DATAFLOW_") && !pushClientNames.includes(name))
    .map((name) => {
      const meant = name.slice("DATAFLOW_".length);
      const expected = known.has(meant) ? `the name ${meant}` : "no such name (see .env.example)";
      return { name, expected, found: "an unknown variable" };
    });
}

function missingHandlers(env: Environment, { isDirectory }: LoadOptions): SettingFault[] {
  const folder = env.HANDLERS_DIR?.trim();
  if (!folder || !isDirectory || isDirectory(folder)) return [];
  return [{ name: "HANDLERS_DIR", expected: "a folder that exists", found: shown(folder, "open") }];
}

/** Hides the token also where it was pasted into another variable. */
function withoutToken(fault: SettingFault, token = ""): SettingFault {
  return token.length < 8 ? fault : { ...fault, found: fault.found.replaceAll(token, "***") };
}

/** The default for an embedded file: it has one schema, and only its owner adds other tables to it. */
const ALL_TABLES: AllowedTables = Object.freeze({ database: null, parts: [{ text: "*", isQuoted: false }] });

function complete(values: Values, isTerminal: boolean) {
  const { databaseUrl, redisUrl, namespace, services } = values;
  const amqpUrls: readonly string[] = values.amqpUrls ?? Object.freeze([]);
  return {
    ...values,
    amqpUrls,
    services: services && withCompanions(services),
    databaseSchema: values.databaseSchema ?? (hasSearchPath(databaseUrl) ? "none" : "dataflow"),
    /** True for one process without servers beside it. */
    isEmbedded: databaseUrl.startsWith("sqlite:") && amqpUrls.length === 0,
    tableDatabases: values.tableDatabases ?? Object.freeze([]),
    tablesAllowed: values.tablesAllowed ?? Object.freeze(databaseUrl.startsWith("sqlite:") ? [ALL_TABLES] : []),
    redisLockNodes: values.redisLockNodes ?? Object.freeze(redisUrl ? [redisUrl] : []),
    batchLockProvider: values.batchLockProvider ?? (redisUrl ? "redis" : "sql"),
    batchReadyQueue: values.batchReadyQueue ?? `${namespace}.batch.ready`,
    eventsExchange: values.eventsExchange ?? `${namespace}.events`,
    logFormat: values.logFormat ?? (isTerminal ? "pretty" : "json"),
    /** null: this node serves no port of its own for metrics. */
    metricsPort: values.metricsPort ?? (services === null || services.includes("api") ? null : 3030),
    trustedProxies: values.trustedProxies ?? Object.freeze([]),
    webhookAllowedHosts: values.webhookAllowedHosts ?? Object.freeze([]),
  };
}

/** A URL with a search_path has chosen its own schema. */
const hasSearchPath = (url: string): boolean =>
  url.startsWith("postgres") && /\bsearch_path\b/.test(new URL(url).searchParams.get("options") ?? "");

let ownConfig: Config | undefined;

/** The settings of this process: its variables, and those of `.env` in the working folder that are not set otherwise. */
export function processConfig(): Config {
  if (ownConfig) return ownConfig;
  addEnvFile();
  const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  ownConfig = loadConfig(process.env, { isTerminal: process.stdout.isTTY, isDirectory });
  return ownConfig;
}

/** Into process.env, because moleculer-runner reads SERVICES there. */
function addEnvFile(): void {
  if (!existsSync(".env")) return;
  for (const [name, value] of Object.entries(parseEnv(envFile()))) process.env[name] ??= value;
}

/** Reads `.env`. A container mount of a missing file makes a folder of that name. */
function envFile(): string {
  try {
    return envText(readFileSync(".env"));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const found = `a file that cannot be read (${(error as NodeJS.ErrnoException).code})`;
    throw new ConfigError([{ name: ".env", expected: "a file that can be read", found }]);
  }
}

/** The text of `.env`. Editors on Windows may write a byte order mark, which is no part of the first name, or UTF-16. */
function envText(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  if (/[\0\uFFFD]/.test(text))
    throw new ConfigError([{ name: ".env", expected: "text in UTF-8", found: "text in another encoding" }]);
  return text;
}

const configs = new WeakMap<object, Config>();

/** Gives `broker` settings of its own, so that several systems can live in one process, as in tests. */
export function useConfig(broker: object, config: Config): void {
  configs.set(broker, config);
}

/** The settings for the services of `broker`: its own, else those of the process. */
export function configOf(broker: object): Config {
  return configs.get(broker) ?? processConfig();
}

/** For start scripts: the answer of `work`, or one line per wrong setting on stderr and exit 1. */
export function exitOnFault<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** A wrong setting: its variable, what was expected and what was found; never a secret. */
export interface SettingFault {
  name: string;
  expected: string;
  found: string;
}

/** If one of the OIDC settings is set, the others must be set, too. */
function rulesOfOidc(values: Partial<Values>): SettingFault[] {
  const { oidcIssuer, oidcAudience, oidcRoleClaim, oidcClientClaim } = values;
  const found = "nothing";
  const faults: SettingFault[] = [];
  if (oidcIssuer && oidcAudience === null)
    faults.push({
      name: "OIDC_AUDIENCE",
      expected: "the audience of DataFlow's tokens, because OIDC_ISSUER is set",
      found,
    });
  if (oidcIssuer && oidcRoleClaim === null && oidcClientClaim === null) {
    const expected = "the name of a claim here or in OIDC_CLIENT_CLAIM, because OIDC_ISSUER is set";
    faults.push({ name: "OIDC_ROLE_CLAIM", expected, found });
  }
  const others = { OIDC_AUDIENCE: oidcAudience, OIDC_ROLE_CLAIM: oidcRoleClaim, OIDC_CLIENT_CLAIM: oidcClientClaim };
  const [told] = Object.entries(others).find(([, value]) => typeof value === "string") ?? [];
  if (oidcIssuer === null && told)
    faults.push({ name: "OIDC_ISSUER", expected: `the URL of the issuer, because ${told} is set`, found });
  return faults;
}

/** Rules between settings. A setting that is wrong by itself is undefined here, so it is reported once. */
export function rulesBetween(values: Partial<Values>): SettingFault[] {
  const faults: SettingFault[] = [];
  const { databaseUrl, adminToken, redisUrl, port, metricsPort } = values;
  if (databaseUrl && !databaseUrl.startsWith("sqlite:") && adminToken === null) {
    const expected =
      "at least 24 characters (DataFlow generates a token only with SQLite, where there is a single node)";
    faults.push({ name: "ADMIN_TOKEN", expected, found: "nothing" });
  }
  faults.push(...rulesOfOidc(values));
  if (redisUrl === null && values.batchLockProvider === "redis") {
    faults.push({ name: "REDIS_URL", expected: "a URL, because BATCH_LOCK_PROVIDER is redis", found: "nothing" });
  }
  if (redisUrl === null && values.redisLockNodes) {
    faults.push({ name: "REDIS_URL", expected: "a URL, because REDIS_LOCK_NODES is set", found: "nothing" });
  }
  for (const { name, url } of values.tableDatabases ?? []) {
    if (url !== databaseUrl) continue;
    const expected = "databases other than DATABASE_URL, whose tables are named without a database";
    faults.push({ name: "TABLE_DATABASES", expected, found: `the database of DATABASE_URL as ${name}` });
  }
  for (const entry of values.tablesAllowed ?? []) {
    const fault = databaseUrl && allowedFault(entry, databaseUrl, values.tableDatabases ?? []);
    if (fault) faults.push({ name: "TABLES_ALLOWED", ...fault });
  }
  if (metricsPort && metricsPort === port) {
    faults.push({ name: "METRICS_PORT", expected: "another port than PORT", found: String(metricsPort) });
  }
  return faults;
}
