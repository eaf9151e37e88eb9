/** The calls that show what records would become. These calls store and deliver nothing. */
import { exactRecord } from "../../../formats/check/exact-record.ts";
import { boundaryOf } from "../../../formats/content.ts";
import { Problem } from "../../../lib/errors.ts";
import { actors } from "../../actors.ts";
import type { Preview } from "../../imports/imports.domain.ts";
import type { PolicyVersion } from "../../policy/policy.contract.ts";
import { callerOf, type Exchange, json, type Reply, wantBodyWhenRead } from "../http/exchange.ts";
import { queryOf, refuseCodings, wrongQuery } from "../http/input.ts";
import { limitOf } from "../http/pages.ts";
import { whichOf } from "./export.ts";
import { bodyOf, checkedFormat } from "./upload.ts";

export const USUAL_PREVIEW = "20";

/** Answers the first records of a batch: as the client sent them, and as they are read. */
export async function getPreview(exchange: Exchange): Promise<Reply> {
  const { limit = USUAL_PREVIEW } = queryOf(exchange, "limit");
  const asked = { ...whichOf(exchange), limit: limitOf(limit) };
  return json(200, withRecords(await actors.imports.preview(exchange.ctx, asked)));
}

/** The records with all digits of their numbers. `JSON.parse` would round long numbers. */
const withRecords = <Found extends Preview>(found: Found) => ({
  ...found,
  records: found.records.map((one) => ({ ...one, data: one.data === null ? null : exactRecord(one.data) })),
});

/** Checks the beginning of a body at once. Stores nothing. */
export async function checkImport(exchange: Exchange): Promise<Reply> {
  return checkBody(exchange, callerOf(exchange).policy, formatIn(exchange));
}

/**
 * `POST /datasets/{name}/imports/check`: checks a body for a dataset. Throws not-found if the client has no such
 * dataset.
 */
export async function checkDatasetImport(exchange: Exchange): Promise<Reply> {
  const { client } = callerOf(exchange);
  const name = exchange.path.name ?? "";
  const named = formatIn(exchange);
  return checkBody(exchange, await actors.policy.ofDataset(exchange.ctx, { clientId: client.id, name }), named);
}

const formatIn = (exchange: Exchange) => checkedFormat(queryOf(exchange, "format").format);

async function checkBody(exchange: Exchange, policy: PolicyVersion, named: string | undefined): Promise<Reply> {
  const { req: stream, ctx } = exchange;
  const { client } = callerOf(exchange);
  const body = bodyOf(exchange, policy, named);
  wantBodyWhenRead(exchange);
  const params = { ...body, clientId: client.id, policy };
  return json(200, withRecords(await actors.imports.check(ctx, params, { stream, timeout: 0 })));
}

/** Checks a sample, or the records of a batch, against a draft of a dataset. */
export async function tryDataset(exchange: Exchange): Promise<Reply> {
  const { req: stream, ctx, path } = exchange;
  const query = queryOf(exchange, "client", "batch", "only", "format");
  const { client, batch, only, format } = query;
  if (only !== undefined && only !== "rejected") throw wrongQuery("only", 'expected "rejected"');
  if (only !== undefined && batch === undefined) throw wrongQuery("only", "expected beside a batch");
  if (format !== undefined && batch !== undefined) throw wrongQuery("format", "expected for a file, not for a batch");
  const named = checkedFormat(format);
  const boundary = boundaryOf(stream.headers["content-type"]);
  if (boundary === null)
    throw new Problem("unsupported-media-type", "Send multipart/form-data.", {
      headers: { Accept: "multipart/form-data" },
    });
  refuseCodings(exchange);
  const found = client === undefined ? null : await actors.clientCache.get(ctx, { publicId: client });
  if (found === null && client !== undefined) throw wrongQuery("client", "expected the id of a client");
  wantBodyWhenRead(exchange);
  const params = {
    name: path.name ?? "",
    form: { boundary, ...(named !== undefined && { named }) },
    ...(found && { clientId: found.id }),
    ...(batch !== undefined && { batch, onlyRejected: only !== undefined }),
  };
  return json(200, withRecords(await actors.imports.tryDraft(ctx, params, { stream, timeout: 0 })));
}
