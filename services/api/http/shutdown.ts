/** How an api node stops. */

import type { Service } from "moleculer";
import { configOf } from "../../../config/config.ts";
import { actors } from "../../actors.ts";
import { noteFailedLogins, noteKeyUses } from "./audit.ts";
import type { ApiState } from "./gateway.ts";

/** Parts of SHUTDOWN_TIMEOUT. After the first, running uploads are refused; after the second, all else is cut off. */
const UPLOAD_PATIENCE = 0.4;
const PATIENCE = 0.5;

type StoppingApi = Pick<Service, "broker" | "logger"> & ApiState;

/**
 * Answers 503 to new requests, ends waits at once, finishes the requests that run, and cuts off those that last too long. Then writes
 * what the node has counted: failed logins and uses of keys.
 */
export async function finishRequests(api: StoppingApi): Promise<void> {
  api.isStopping = true;
  for (const timer of [api.rechecks, api.failures, api.uses]) clearInterval(timer);
  api.watches.end();
  api.feed.end();
  await closeServer(api);
  api.connections.end();
  api.oidc?.stop();
  // A client may have hung up while the work for its request still runs.
  await Promise.all(api.runningRequests);
  await noteFailedLogins(api);
  await noteKeyUses(api);
}

/** Resolves when no connection is left. */
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
