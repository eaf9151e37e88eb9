/** Every path of the API, grouped by who may call it. */

import { getOpenApi } from "../openapi/document.ts";
import type { sessionCalls } from "../openapi/sessions.ts";
import { getConsole, getConsoleFile } from "./console.ts";
import { getGuide } from "./guide.ts";
import { getDocs, getDocsFile, getLive, getReady, sendMetrics } from "./open.ts";
import { strict } from "./query.ts";
import { clientRoutes } from "./routes.clients.ts";
import { operatorRoutes } from "./routes.operators.ts";
import { deleteSession, getSession, postSession } from "./session.ts";

/** The routes of `/session`, such as `POST /session`, with `/` in place of the path. */
type SessionRoute = keyof typeof sessionCalls extends `${infer Method} /session` ? `${Method} /` : never;

/** The routes that anybody may call, by path. Health probes may add a query, which is ignored. */
export const openRoutes = {
  "/health": { "GET /live": getLive, "GET /ready": getReady },
  "/session": strict<SessionRoute>({ "POST /": postSession, "GET /": getSession, "DELETE /": deleteSession }),
  "/metrics": strict({ "GET /": sendMetrics }),
  "/openapi.json": strict({ "GET /": getOpenApi }),
  "/docs/guide": strict({ "GET /": getGuide, "GET /:page": getGuide, "GET /:section/:chapter": getGuide }),
  "/docs": strict({ "GET /": getDocs, "GET /:file": getDocsFile }),
  "/console": strict({ "GET /:hash/:asset": getConsoleFile, "GET /:hash/:folder/:asset": getConsoleFile }),
  "/": strict({ "GET /": getConsole }),
};

/** The names of all routes, such as `POST /imports/:id/cancel`. */
export const allRoutes = (): string[] => [
  ...Object.keys(clientRoutes),
  ...Object.keys(operatorRoutes).map((route) => under("/admin", route)),
  ...Object.entries(openRoutes).flatMap(([path, routes]) => Object.keys(routes).map((route) => under(path, route))),
];

/** A route's name with the path of its group in front. */
export function under(path: string, route: string): string {
  const [method, rest = ""] = route.split(" ");
  return `${method} ${path}${rest === "/" && path !== "/" ? "" : rest.slice(path === "/" ? 1 : 0)}`;
}
