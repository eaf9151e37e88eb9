import type { IncomingMessage, Server } from "node:http";
import type { Service } from "moleculer";
import type { Counter } from "../../../lib/metrics/figures.ts";
import type { Admissions } from "./admissions.ts";
import type { Connections } from "./connections.ts";
import type { Feed } from "./feed.ts";
import type { KeyUses, RefusedKeys } from "./keys.ts";
import type { FailedLogins } from "./logins.ts";
import type { Oidc } from "./oidc.ts";
import type { OpenExports, OpenFeeds, OpenFiles, OpenStreams } from "./open.ts";
import type { Cursors } from "./sealed.ts";
import type { Sessions } from "./sessions.ts";
import type { BatchWatches } from "./watches.ts";

/**
 * The span of a request for TRACING_URL. The span of moleculer-web would show the query, in which callers may have put
 * a secret.
 */
export const restSpan = {
  tracing: {
    // The list has as many entries as moleculer-web's own list. With fewer, the last entries of moleculer-web would
    // stay, such as the URL.
    tags: { params: ["req.method", "req.method"] },
    spanName: ({ params: { req } }: { params: { req: IncomingMessage } }) => `${req.method} ${req.url?.split("?")[0]}`,
  },
};

/** The part of a route of moleculer-web that the product uses. */
export interface AliasOfGateway {
  method: string;
  path: string;
  isMethod(method: string): boolean;
  match(url: string): false | Record<string, string>;
}

/** The fields of the api service: its own fields, and those that moleculer-web adds. */
export interface ApiState {
  server: Server;
  aliases: AliasOfGateway[];
  httpHandler(req: unknown, res: unknown): void;
  failedLogins: FailedLogins;
  refusedKeys: RefusedKeys;
  keyUses: KeyUses;
  connections: Connections;
  /** Requests whose handler still runs, whether or not the client is still connected. */
  runningRequests: Set<Promise<unknown>>;
  /** The batches that requests wait for. */
  watches: BatchWatches;
  streams: OpenStreams;
  /** Tells the event streams of pages what has changed. `feeds` counts those streams. */
  feed: Feed;
  feeds: OpenFeeds;
  admissions: Admissions;
  rechecks: NodeJS.Timeout | undefined;
  failures: NodeJS.Timeout | undefined;
  uses: NodeJS.Timeout | undefined;
  exports: OpenExports;
  files: OpenFiles;
  /** Makes and reads the cursors of lists. */
  cursors: Cursors;
  sessions: Sessions;
  /** Counts logins that began a session, and logins that were refused. */
  logins: Counter<"begun" | "refused">;
  /** The check of tokens from the company's own issuer. Null if there is no OIDC_ISSUER. */
  oidc: Oidc | null;
  isStopping: boolean;
  adminToken: string;
}
/** Methods that moleculer-web and the routes call by name. */
export type CalledByName = Record<
  | "authenticateClient"
  | "authenticateOperator"
  | "authenticateNobody"
  | "errorHandler"
  | "parseQueryString"
  | "resolveAlias"
  | "send404",
  (...args: never[]) => unknown
>;

export type Api = Service & ApiState;
