/** Timeouts of DataFlow's connections to PostgreSQL: of the pool of the hot tables, and of Sequelize's models. */

/**
 * An open but silent connection counts as broken after this time. No statement of DataFlow takes that long. The time is
 * shorter than a lease, and short enough that a caller, who waits 30 s, still gets an error.
 */
export const QUERY_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 5_000;
/**
 * How long the server lets a statement run. The server must cancel a slow statement before the driver gives up: then
 * the server's error says that nothing was written. If the driver gave up first, the outcome would be unknown, and the
 * statement would be sent again.
 */
const STATEMENT_TIMEOUT_MS = 9_000;
/**
 * How long a statement waits for a lock. Units hold locks for milliseconds, so a longer wait means that the lock's
 * holder hangs.
 */
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_MS = 10_000;

/** Timeouts that the server enforces. They are sent as parameters of the connection. */
export const serverLimits = {
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
};

/** Timeouts and settings that the driver enforces. */
export const driverLimits = {
  query_timeout: QUERY_TIMEOUT_MS,
  keepAlive: true,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  application_name: "dataflow",
};

export type Limits = typeof driverLimits & Partial<typeof serverLimits>;
