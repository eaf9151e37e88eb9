/** Timeouts of connections: of our own pool, and of the models. */

/**
 * An open but silent connection counts as broken after this time. It is longer than any statement of ours takes. It is shorter
 * than a lease, and short enough that a caller, who waits 30 s, still gets an error.
 */
export const QUERY_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 5_000;
/**
 * The server must cancel a slow statement before we give up. Then its error says that nothing was written. If we gave up first,
 * the outcome would be unknown, and the statement would be sent again.
 */
const STATEMENT_TIMEOUT_MS = 9_000;
/** How long a statement waits for a lock. Units hold locks for milliseconds, so a longer wait means that the holder hangs. */
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_MS = 10_000;

/** Timeouts that the server keeps. They are set when connecting. */
export const serverLimits = {
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
};

/** Timeouts and settings that the driver keeps itself. */
export const driverLimits = {
  query_timeout: QUERY_TIMEOUT_MS,
  keepAlive: true,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  application_name: "dataflow",
};

export type Limits = typeof driverLimits & Partial<typeof serverLimits>;
