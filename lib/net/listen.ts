import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError } from "../../config/config.ts";

/** Error codes that are about the port; all others are about the address. */
const ofPort: Record<string, readonly [expected: string, found: string]> = {
  EADDRINUSE: ["a port that is free", "where another process listens"],
  EACCES: ["a port that this user may listen on", "which the system keeps for others"],
};

/** Connections that may wait to be accepted. The system drops further ones, and their clients try again after a second. */
const MOST_UNACCEPTED = 4_096;

export interface Place {
  /** The setting that names the port. */
  setting: string;
  port: number;
  host: string;
}

/** Listens. Answers the port (for 0, a free one). Throws ConfigError, with the system's error as its cause. */
export async function listen(server: Server, place: Place): Promise<number> {
  server.listen({ port: place.port, host: place.host, backlog: MOST_UNACCEPTED });
  await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
    throw fault(place, error);
  });
  return (server.address() as AddressInfo).port;
}

function fault({ setting, port, host }: Place, error: NodeJS.ErrnoException): ConfigError {
  const { code = error.message } = error;
  const [expected, found] = ofPort[code] ?? [];
  if (expected)
    return new ConfigError([{ name: setting, expected: `${expected} at ${host}`, found: `${port}, ${found}` }], error);
  return new ConfigError([{ name: "HOST", expected: "an address of this machine", found: `${host} (${code})` }], error);
}

/** `http://host/path` as `/path`: a server takes both (RFC 9112, 3.2.2). */
export function originForm(target = "/"): string {
  const [authority] = /^https?:\/\/[^/?#]+/i.exec(target) ?? [];
  if (authority === undefined) return target;
  const path = target.slice(authority.length);
  return path.startsWith("/") ? path : `/${path}`;
}
