/**
 * HTTP in, problem+json out. It checks who asks (client, operator, nobody), spends a request of the rate limit, and hands
 * everything else to the services of this node. It keeps no state but the counts of failed logins. A refusal never breaks
 * a connection before the client could read the answer. A stopping node answers 503 while it finishes running requests.
 */

import type { ServerResponse } from "node:http";
import type { Service } from "moleculer";
import ApiGateway from "moleculer-web";
import { configOf } from "../../config/config.ts";
import { Problem } from "../../lib/errors.ts";
import { readWhenAsked } from "../../lib/metrics/figures.ts";
import { listen } from "../../lib/net/listen.ts";
import { originForm } from "../../lib/net/target.ts";
import { define, fields } from "../../mixins/define.ts";
import { partnersMixin } from "../../mixins/partners.ts";
import { actors } from "../actors.ts";
import { BATCH_WRITTEN, type BatchNews } from "../batch/batch.contract.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import { uuidv7 } from "../ids.ts";
import type { CloudEvent } from "../outbox/outbox.contract.ts";
import { adminToken } from "./http/adminToken.ts";
import { Admissions } from "./http/admissions.ts";
import { authenticatedClient, authenticateOperator, refusalNow } from "./http/auth.ts";
import { Connections, connectionBounds } from "./http/connections.ts";
import { Cursors } from "./http/cursors.ts";
import type { AliasOfGateway, Api, ApiState } from "./http/gateway.ts";
import { headChecked } from "./http/head.ts";
import { FailedLogins } from "./http/logins.ts";
import { OpenExports, OpenFiles, OpenStreams } from "./http/open.ts";
import { problemOf, sendProblem } from "./http/problems.ts";
import { spendRequest } from "./http/rate.ts";
import type { ApiRequest } from "./http/request.ts";
import { BatchWatches } from "./http/watches.ts";
import { gatewayRoutes } from "./routes/aliases.ts";
import { moved } from "./routes/routes.ts";

/** Of SHUTDOWN_TIMEOUT: uploads that last longer are refused, so that their clients know; what still goes on then is cut off. */
const UPLOAD_PATIENCE = 0.4;
const PATIENCE = 0.5;
/** A sane request id: visible ASCII, short enough for a log line. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
/** How often the credentials of long requests are checked again. A change without an event is noticed this late. */
const RECHECK_MS = 5_000;

const watched = { name: "dataflow_watched_batches", help: "Batches that requests wait for.", type: "gauge" } as const;
const streaming = { name: "dataflow_event_streams", help: "Open event streams.", type: "gauge" } as const;

const newsOf = ({ subject: batchId, data }: CloudEvent, hasEnded: boolean): BatchNews => ({
  batchId,
  version: data.version as number,
  hasEnded,
});

function answerError(
  api: Pick<Api, "isStopping" | "logger">,
  req: ApiRequest,
  res: ServerResponse,
  error: Error,
): void {
  // A client that hung up needs no answer.
  if ((error as NodeJS.ErrnoException).code === "ECONNRESET") return;
  const problem = problemOf(error);
  if (problem.type === "internal") api.logger.error(`Request ${req.$ctx?.requestID} failed:`, error);
  if (req.socket.destroyed) return;
  if (api.isStopping) res.shouldKeepAlive = false;
  sendProblem(req, res, problem);
}

export default define({
  name: "api",
  mixins: [
    ApiGateway as unknown as Partial<Service["schema"]>,
    partnersMixin("clientCache", "rateLimiter", "policy", "imports", "batch", "outbox"),
  ],

  state: fields<ApiState>(),

  // They would change the routes of a node that runs, for whoever is on the broker.
  actions: { addRoute: false, removeRoute: false, listAliases: false },

  settings: {
    // An upload may take hours; silence is what ends it (408).
    requestTimeout: 0,
    logRequest: null,
    logResponse: null,
    logRequestParams: null,
    logRouteRegistration: null,
    use: [headChecked],
    rootCallOptions(options: { requestID?: string }, req: ApiRequest, res: ServerResponse) {
      // Of every answer: what a partner sent comes back in some, and no browser may take it for a page.
      res.setHeader("X-Content-Type-Options", "nosniff");
      const own = req.headers["x-request-id"];
      options.requestID = typeof own === "string" && REQUEST_ID.test(own) ? own : uuidv7();
      // moleculer-web would take an OPTIONS for the method that this names; no route here is made for CORS.
      delete req.headers["access-control-request-method"];
    },
    routes: gatewayRoutes,
    onError(this: Api, req: ApiRequest, res: ServerResponse, error: Error) {
      answerError(this, req, res, error);
    },
  },

  created() {
    const answer = (req: ApiRequest, res: ServerResponse) => {
      req.url = originForm(req.url);
      this.httpHandler(req, res);
    };
    const { maxConnections: most, trustedProxies } = configOf(this.broker);
    this.failedLogins = new FailedLogins(trustedProxies);
    const bounds = {
      ...connectionBounds,
      most,
      trustedProxies,
      ...(this.settings as { connections?: object }).connections,
    };
    this.connections = new Connections(this.broker, this.server, answer, bounds);
    this.answering = new Set();
    this.watches = new BatchWatches({
      read: (seen) => actors.batch.changed(this.broker, { seen }),
      onFailure: (error) => this.logger.debug("Waiting requests are looked after again in 2 s:", error),
    });
    this.broker.localBus.on(BATCH_WRITTEN, (news: BatchNews) => this.watches.news(news));
    this.streams = new OpenStreams();
    this.exports = new OpenExports();
    this.files = new OpenFiles();
    this.admissions = new Admissions((authorization) => refusalNow(this.broker, authorization));
    readWhenAsked(this.broker, watched, () => [{ value: this.watches.size }]);
    readWhenAsked(this.broker, streaming, () => [{ value: this.streams.size }]);
    this.isStopping = false;
    // moleculer-web's own listening would end the process, with a stack, where the port is taken, and wait for ever for others.
    this.settings = Object.assign({}, this.settings, { server: false });
    this.server.removeAllListeners("error");
    Object.assign(this.server, { requireHostHeader: false });
  },

  events: {
    // Sent by the node that committed the change.
    "batch.ready"({ params }: { params: CloudEvent }) {
      this.watches.news(newsOf(params, false));
    },
    "client.changed"({ params: { id } }: { params: Client }) {
      return this.admissions.recheck(id);
    },
    "batch.completed"({ params }: { params: CloudEvent }) {
      this.watches.news(newsOf(params, true));
    },
  },

  methods: {
    async authenticateClient(_ctx: never, _route: never, req: ApiRequest, res: ServerResponse) {
      this.refuseIfStopping();
      const client = await authenticatedClient(req, this.failedLogins);
      this.admissions.enter(client.id, req, res);
      this.connections.know(req.socket, true);
      req.caller = { client, policy: await actors.policy.get(req.$ctx, { clientId: client.id }) };
      await spendRequest(req, res);
      return null;
    },

    async authenticateOperator(_ctx: never, _route: never, req: ApiRequest) {
      this.refuseIfStopping();
      await authenticateOperator(req, this.adminToken, this.failedLogins);
      this.connections.know(req.socket, true);
      return null;
    },

    async authenticateNobody(_ctx: never, _route: never, req: ApiRequest) {
      this.connections.know(req.socket, false);
      return null;
    },

    refuseIfStopping() {
      if (this.isStopping)
        throw new Problem("unavailable", "This node is stopping.", { headers: { "Retry-After": "1" } });
    },

    /** moleculer-web would log whatever is answered with 5xx once more, with its stack. */
    errorHandler(req: ApiRequest, res: ServerResponse, error: Error) {
      answerError(this, req, res, error);
    },

    /** The path alone: each call reads its query itself, strictly. moleculer-web drops one slash at the end. */
    parseQueryString({ url = "/" }: ApiRequest) {
      const [path = "/"] = url.split("?", 1);
      return { url: path.length > 1 && path.endsWith("/") ? `${path}/` : path, query: {} };
    },

    /** HEAD is GET without its body, which Node leaves out by itself. */
    resolveAlias(url: string, method?: string) {
      const asked = method === "HEAD" ? "GET" : method;
      for (const alias of this.aliases) {
        const params = asked !== undefined && alias.isMethod(asked) && alias.match(url);
        if (params) return { alias, params };
      }
      return false;
    },

    /** No route has it: another method may. */
    send404(req: ApiRequest, res: ServerResponse) {
      const url = req.parsedUrl ?? "/";
      const place = moved[url];
      if (place) return void res.writeHead(308, { Location: place }).end();
      const allowed = this.aliases.filter((alias: AliasOfGateway) => alias.match(url)).map(({ method }) => method);
      if (allowed.includes("GET")) allowed.push("HEAD");
      const problem =
        allowed.length === 0
          ? new Problem("not-found", "There is nothing here.")
          : new Problem("method-not-allowed", `${req.method} is not known here.`, {
              headers: { Allow: [...new Set(allowed)].join(", ") },
            });
      answerError(this, req, res, problem);
    },

    /** Answers 503 to what is new and what is to who waits, finishes what runs, and cuts off what lasts too long. */
    async drain() {
      this.isStopping = true;
      clearInterval(this.rechecks);
      this.watches.end();
      const { shutdownTimeoutMs } = configOf(this.broker);
      const refusal = setTimeout(
        () => actors.imports.refuseAll(this.broker, {}).catch((error) => this.logger.warn("Uploads go on:", error)),
        shutdownTimeoutMs * UPLOAD_PATIENCE,
      );
      const patience = setTimeout(() => this.server.closeAllConnections(), shutdownTimeoutMs * PATIENCE);
      this.server.closeIdleConnections();
      this.connections.closeSilent();
      await new Promise<void>((resolve) => {
        if (this.server.listening) this.server.close(() => resolve());
        else resolve();
      });
      clearTimeout(refusal);
      clearTimeout(patience);
      this.connections.end();
      // A client that hung up is gone, what it asked for may still be half done.
      await Promise.all(this.answering);
    },
  },

  async started() {
    this.adminToken = await adminToken(this.broker);
    this.cursors = new Cursors(this.adminToken);
    const { port: wanted, host, keepAliveMs } = configOf(this.broker);
    // Whoever ends an idle link first must be the proxy: else it sends a request into one that is being closed.
    this.server.keepAliveTimeout = keepAliveMs;
    const port = await listen(this.server, { setting: "PORT", port: wanted, host });
    this.connections.watch();
    this.server.on("error", (error) => this.logger.error("The HTTP server failed:", error));
    this.rechecks = setInterval(() => this.admissions.recheckAll(), RECHECK_MS);
    this.logger.info(`DataFlow listens on http://${host}:${port}`);
  },
});
