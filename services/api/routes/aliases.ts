/** The routes of the api as moleculer-web takes them: each handler's answer, and who may ask. */
import type { ServerResponse } from "node:http";
import { exchangeOf, type Handle, type HandledRequest, sendJson } from "../http/exchange.ts";
import type { Api } from "../http/gateway.ts";
import { clientRoutes, openRoutes, operatorRoutes } from "./routes.ts";

type Next = (error?: unknown) => void;

/** A route's handler as moleculer-web calls it. */
function alias(handle: Handle) {
  return function (this: Api, req: HandledRequest, res: ServerResponse, next: Next) {
    const answered: Promise<unknown> = handle(exchangeOf(req, res))
      .then((reply) => {
        // A connection that stays open would be waited for.
        if (this.isStopping) res.shouldKeepAlive = false;
        if (reply) sendJson(res, reply);
      }, next)
      .catch(next)
      .finally(() => this.answering.delete(answered));
    this.answering.add(answered);
  };
}

const aliases = (routes: Record<string, Handle>) =>
  Object.fromEntries(Object.entries(routes).map(([route, handle]) => [route, alias(handle)]));

const route = (path: string, routes: Record<string, unknown>, authentication: string) => ({
  path,
  aliases: routes,
  mappingPolicy: "restrict",
  bodyParsers: false,
  // A balancer that keeps a path to itself does so by its exact name.
  pathToRegexpOptions: { sensitive: true, trailing: false },
  mergeParams: true,
  logging: false,
  authentication,
});

/** Who may ask is a method of the service. */
export const gatewayRoutes = [
  route("/admin", aliases(operatorRoutes), "authenticateOperator"),
  ...Object.entries(openRoutes).map(([path, routes]) => route(path, aliases(routes), "authenticateNobody")),
  route("/", aliases(clientRoutes), "authenticateClient"),
];
