/** Reads `mssql://user:password@host:1433/database?encrypt=true&trustServerCertificate=false` into the settings of both drivers. */
import type { config as Config } from "mssql";
import type { Options } from "sequelize";
import { DatabaseRefused } from "../../errors.ts";

/**
 * An open but silent connection counts as broken after this time. No statement of DataFlow takes that long. The time is
 * shorter than a lease, and short enough that a caller, who waits 30 s, still gets an error.
 */
export const REQUEST_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 5_000;
/** How long the server may take to confirm that it has cancelled a statement. After that, the connection is closed. */
const CANCEL_TIMEOUT_MS = 1_000;
const DEFAULT_PORT = 1433;

const TRUTH = "true or false";
const parameters: Record<string, (text: string) => object | string> = {
  encrypt: (text) =>
    text === "strict" ? { encrypt: text } : (flag("encrypt", text) ?? `${TRUTH} or strict (SQL Server 2022 and later)`),
  trustServerCertificate: (text) => flag("trustServerCertificate", text) ?? TRUTH,
  multiSubnetFailover: (text) => flag("multiSubnetFailover", text) ?? TRUTH,
  instanceName: (text) => (/^[\w$]{1,16}$/.test(text) ? { instanceName: text } : "the name of an instance"),
  appName: (text) =>
    /^[\w .:-]{1,128}$/.test(text) ? { appName: text } : "up to 128 letters, digits, blanks and _.:-",
  connectTimeout: (text) => (/^\d{3,5}$/.test(text) ? { connectTimeout: Number(text) } : "milliseconds, 100 to 99999"),
};

function flag(name: string, text: string): object | null {
  return text === "true" || text === "false" ? { [name]: text === "true" } : null;
}

interface Target {
  server: string;
  port: number;
  database: string;
  user: string;
  password: string;
  options: Record<string, unknown>;
}

/** Reads the URL. Throws DatabaseRefused, whose message names the wrong parameter but no secret. */
export function targetOf(url: string): Target {
  const { hostname, port, pathname, username, password, searchParams } = new URL(url);
  const database = decoded(pathname.slice(1), "database");
  if (database === "" || database.includes("/"))
    throw new DatabaseRefused("the name of a database after the host", database === "" ? "none" : "more than a name");
  if (username === "") throw new DatabaseRefused("the name of a user before the host", "none");
  const options = optionsOf(searchParams);
  if (options.instanceName !== undefined && port !== "")
    throw new DatabaseRefused("either a port or instanceName", "both");
  return {
    server: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? DEFAULT_PORT : Number(port),
    database,
    user: decoded(username, "user"),
    password: decoded(password, "password"),
    options: { ...fixed, ...options },
  };
}

/**
 * Options of all DataFlow's connections to SQL Server, those of the models included. `abortTransactionOnError`: an
 * error undoes its transaction.
 */
const fixed = {
  encrypt: true,
  trustServerCertificate: false,
  appName: "dataflow",
  connectTimeout: CONNECT_TIMEOUT_MS,
  cancelTimeout: CANCEL_TIMEOUT_MS,
  abortTransactionOnError: true,
  enableArithAbort: true,
  useUTC: true,
  // Ids are read in small letters, as the API writes them.
  lowerCaseGuids: true,
};

function optionsOf(search: URLSearchParams): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [name, text] of search) {
    const read = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (!read) throw new DatabaseRefused(`parameters among ${Object.keys(parameters).join(", ")}`, shownName(name));
    const value = read(text);
    if (typeof value === "string") throw new DatabaseRefused(`${name} to be ${value}`, "another value");
    Object.assign(options, value);
  }
  return options;
}

/**
 * The name of a parameter as an error message shows it. A long or strange name is not shown, because it may be a secret
 * that was pasted into the wrong place.
 */
const shownName = (name: string) => (/^[a-zA-Z]{1,40}$/.test(name) ? `"${name}"` : "another name");

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseRefused(`a ${part} whose special characters are percent-encoded`, "a % that encodes nothing");
  }
}

/** The settings of a lane, which is a pool with one connection (see lanes.ts). */
export function configOf(url: string): Config {
  const { server, port, database, user, password, options } = targetOf(url);
  return {
    server,
    port,
    database,
    user,
    password,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: options.connectTimeout as number,
    pool: { max: 1, min: 0, acquireTimeoutMillis: REQUEST_TIMEOUT_MS },
    // The driver checks only the socket. By default it sends a query before each request, to see whether the connection
    // lives.
    ...({ validateConnection: "socket" } as object),
    options: options as Config["options"],
  };
}

/** The settings of Sequelize's connections. `requestTimeout`: 0 means no timeout, for migrations. */
export function sequelizeOptionsOf(url: string, requestTimeout: number): Options {
  const { server, port, database, user, password, options } = targetOf(url);
  return {
    host: server,
    port,
    database,
    username: user,
    password,
    dialectOptions: { options: { ...options, requestTimeout } },
  };
}
