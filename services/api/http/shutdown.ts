/** How an api node stops. */

import type { Service } from "moleculer";
import { configOf } from "../../../config/config.ts";
import { actors } from "../../actors.ts";
import { noteFailedLogins, noteKeyUses } from "./audit.ts";
import type { ApiState } from "./gateway.ts";

/**
 * Parts of SHUTDOWN_TIMEOUT. After the first part, running uploads are refused. After the second part, all other
 * requests are cut off.
 */
const UPLOAD_PATIENCE = 0.4;
const PATIENCE = 0.5;

type StoppingApi = Pick<Service, "broker" | "logger"> & ApiState;

/**
 * Answers 503 to new requests, ends waits at once, finishes the requests that run, and cuts off requests that last too
 * long. Then the node writes what it has counted: failed logins and uses of keys.
 */
export async function finishRequests(api: StoppingApi): Promise<void> {
  api.isStopping = true;
  for (const timer of [api.rechecks, api.failures, api.uses]) clearInterval(timer);
  api.watches.end();
  api.feed.end();
  await closeServer(api);
  api.connections.end();
  api.oidc?.stop();
  // A client may have hung up while the work for its request still runs, so the node waits for that work too.
  await Promise.all(api.runningRequests);
  await noteFailedLogins(api);
  await noteKeyUses(api);
}

/** Stops accepting connections, and resolves when no connection is left. */
async function closeServer({ broker, logger, server, connections }: StoppingApi): Promise<void> {
  const { shutdownTimeoutMs } = configOf(broker);
  const refusal = setTimeout(
    () =>
      actors.imports
        .refuseAll(broker, {})
        .catch((error) => logger.warn("Running uploads could not be refused:", error)),
    shutdownTimeoutMs * UPLOAD_PATIENCE,
  );
  const patience = setTimeout(() => server.closeAllConnections(), shutdownTimeoutMs * PATIENCE);
  server.closeIdleConnections();
  connections.closeSilent();
  await new Promise<void>((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
  clearTimeout(refusal);
  clearTimeout(patience);
}
