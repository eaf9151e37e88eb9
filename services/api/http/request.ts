import type { IncomingMessage } from "node:http";
import type { Context } from "moleculer";
import type { Client } from "../../clientCache/clientCache.contract.ts";
import type { PolicyVersion } from "../../policy/policy.contract.ts";

/** What moleculer-web and our own parts of the door leave on a request. */
export type ApiRequest = IncomingMessage & {
  $ctx: Context;
  $params: Record<string, string>;
  originalUrl: string;
  parsedUrl?: string;
  /** The client that authenticated, and its policy; on client routes only. */
  caller?: { client: Client; policy: PolicyVersion };
  /** It asked by `Expect: 100-continue` whether its body is wanted. */
  expectsContinue?: boolean;
  /** Aborted when what follows it cannot be read: its body may have been longer. Whoever has not acted yet refuses it. */
  voided?: AbortSignal;
  /** Aborted, with the refusal, when its client is disabled or its secret revoked meanwhile; on client routes only. */
  revoked?: AbortSignal;
};
