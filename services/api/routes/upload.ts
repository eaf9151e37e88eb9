/** `POST /imports`: reads the headers of an upload, before the first byte of its body. */

import { boundaryOf, checkFormat, contentOf, formatNames, mediaType } from "../../../formats/content.ts";
import { knownFormats } from "../../../formats/formats.ts";
import { Problem } from "../../../lib/errors.ts";
import { actors } from "../../actors.ts";
import { FORM_ALLOWANCE, mostWireBytes } from "../../imports/imports.contract.ts";
import type { ParamsOf } from "../../messages.ts";
import type { Policy, PolicyVersion } from "../../policy/policy.contract.ts";
import { codingsOf } from "../http/codings.ts";
import { callerOf, type Exchange, type Reply, wantBodyWhenRead } from "../http/exchange.ts";
import { contentDigestsOf, idempotencyKeyOf } from "../http/fields.ts";
import { flagOf, queryOf, wrongQuery } from "../http/input.ts";
import { waitOf } from "../http/prefer.ts";
import { batchOf } from "./export.ts";
import { batchPosted } from "./waiting.ts";

type Create = ParamsOf<"imports.create">;

/** Checks the declared length of a body before the body is read. Throws payload-too-large. */
function checkLength(header: string | undefined, most: number): void {
  if (header !== undefined && Number(header) > most)
    throw new Problem("payload-too-large", `The body has ${header} bytes, ${most} are allowed.`, { limit: most });
}

export async function postImport(exchange: Exchange): Promise<Reply> {
  return upload(exchange, callerOf(exchange).policy, askedIn(exchange));
}

/** `POST /datasets/{name}/imports`: an upload for a dataset. Throws not-found if the client has no such dataset. */
export async function postDatasetImport(exchange: Exchange): Promise<Reply> {
  const { client } = callerOf(exchange);
  const name = exchange.path.name ?? "";
  const asked = askedIn(exchange);
  return upload(exchange, await actors.policy.ofDataset(exchange.ctx, { clientId: client.id, name }), asked);
}

/**
 * Corrects rejected records by merge patches, under today's policy of the records' dataset. Throws not-found,
 * illegal-state.
 */
export async function postCorrections(exchange: Exchange): Promise<Reply> {
  const { client } = callerOf(exchange);
  const asked = { named: undefined, validateOnly: false, corrects: exchange.path.id ?? "", isPatches: true };
  const { dataset: name } = await batchOf(exchange);
  return upload(exchange, await actors.policy.ofDataset(exchange.ctx, { clientId: client.id, name }), asked);
}

/**
 * Decides how the body is read, and which codings it has. Throws payload-too-large if the declared length is too large,
 * and what `bodyKindOf` throws.
 */
export function bodyOf(exchange: Exchange, { policy }: PolicyVersion, named: string | undefined) {
  const { headers } = exchange.req;
  const content = bodyKindOf(exchange, named, policy.formats);
  const codings = codingsOf(headers["content-encoding"]);
  checkLength(
    headers["content-length"],
    mostWireBytes(codings, policy.maxBytes + ("form" in content ? FORM_ALLOWANCE : 0)),
  );
  return { ...content, codings };
}

/**
 * Reads how the body of a correction comes. Patches are NDJSON, whatever formats the policy takes. Throws
 * unsupported-media-type, payload-too-large.
 */
function patchesOf({ req: { headers } }: Exchange, { policy }: PolicyVersion) {
  const types = knownFormats.ndjson.mediaTypes;
  if (!types.some((type) => type === mediaType(headers["content-type"])))
    throw new Problem("unsupported-media-type", `Send ${types.join(" or ")}.`, {
      headers: { Accept: types.join(", ") },
    });
  const codings = codingsOf(headers["content-encoding"]);
  checkLength(headers["content-length"], mostWireBytes(codings, policy.maxBytes));
  return { format: "ndjson" as const, codings };
}

/** Takes an upload. `policy` is the policy that the batch will pin. */
async function upload(
  exchange: Exchange,
  policy: PolicyVersion,
  { named, validateOnly, corrects, isPatches = false }: AskedOf,
): Promise<Reply> {
  const { req, ctx } = exchange;
  const { client } = callerOf(exchange);
  const seconds = waitOf(req.headers.prefer);
  const body = isPatches ? patchesOf(exchange, policy) : bodyOf(exchange, policy, named);
  const length = req.headers["content-length"];
  const idempotencyKey = idempotencyKeyOf(req);
  const digests = contentDigestsOf(req);
  const params: Create = {
    ...body,
    ...(validateOnly && { validateOnly }),
    ...(corrects !== undefined && { corrects }),
    ...(isPatches && { isPatches }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(digests === undefined ? {} : { digests }),
    ...(length === undefined ? {} : { contentLength: Number(length) }),
    clientId: client.id,
    clientPublicId: client.publicId,
    policy,
    requestId: ctx.requestID,
  };
  wantBodyWhenRead(exchange);
  const created = await actors.imports.create(ctx, params, { stream: req, timeout: 0 });
  const headers: Record<string, string> = created.isReplayed ? { "Idempotent-Replayed": "true" } : {};
  return batchPosted(exchange, created.batch, seconds, { status: created.status, headers });
}

/**
 * What the query of an upload asks for: the format of the body, whether the body is only checked, and the id of the
 * batch that the body corrects.
 */
interface AskedOf {
  named: string | undefined;
  validateOnly: boolean;
  corrects: string | undefined;
  isPatches?: boolean;
}

/** Reads the query of an upload. Throws validation. */
function askedIn(exchange: Exchange): AskedOf {
  const { format, validateOnly, corrects } = queryOf(exchange, "format", "validateOnly", "corrects");
  return { named: checkedFormat(format), validateOnly: flagOf("validateOnly", validateOnly), corrects };
}

/** Checks that a format of this name exists. Throws validation. */
export function checkedFormat(format: string | undefined): string | undefined {
  if (format !== undefined && !formatNames.includes(format))
    throw wrongQuery("format", `expected one of ${formatNames.join(", ")}`);
  return format;
}

/**
 * The format of the body and how to read the body. If the body is a form, also what the request says of the form's
 * file. Throws malformed-body, unsupported-media-type.
 */
function bodyKindOf(
  { req }: Exchange,
  named: string | undefined,
  allowed: Policy["formats"],
): Pick<Create, "format" | "form"> {
  const header = req.headers["content-type"];
  const boundary = boundaryOf(header);
  if (boundary !== null) return { form: { boundary, ...(named === undefined ? {} : { named }) } };
  const content = contentOf(header, named);
  checkFormat(content.format, allowed);
  return content;
}
