/**
 * Which routes read a query. A route that is not marked as reading one refuses a request with a query. A name that no
 * route reads may be a mistake of the caller, such as a filter that would otherwise be ignored.
 */

import type { Handle } from "../http/exchange.ts";
import { queryOf } from "../http/input.ts";

/** A handler that reads and checks its own query. */
interface QueryReader {
  readsQuery: Handle;
}

/** Marks a route as one that reads a query. */
export const withQuery = (handle: Handle): QueryReader => ({ readsQuery: handle });

const withoutQuery =
  (handle: Handle): Handle =>
  async (exchange) => {
    queryOf(exchange);
    return handle(exchange);
  };

/** A table of routes in which all routes but those with `withQuery` refuse a query. */
export const strict = <Route extends string>(routes: Record<Route, Handle | QueryReader>) =>
  Object.fromEntries(
    Object.entries<Handle | QueryReader>(routes).map(([route, handle]) => [
      route,
      "readsQuery" in handle ? handle.readsQuery : withoutQuery(handle),
    ]),
  ) as Record<Route, Handle>;
