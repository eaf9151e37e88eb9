/** The call by which operators try a change of a policy before they make it. */

import { Problem, rethrowUnder } from "../../../lib/errors.ts";
import { described, type JsonSchema, listOf, record, schemaRef, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { changedFields } from "../../audits.ts";
import { typed } from "../../declare.ts";
import { defaultPolicy } from "../../policy/policy.schema.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { jsonBody, strictly } from "../http/input.ts";
import { policyView } from "./views.ts";

export const policyDraft = strictly({
  policy: { ...typed<object>({ type: "any", jsonSchema: schemaRef("PolicyInput") }), optional: true },
  patch: { ...typed<object>({ type: "any", jsonSchema: schemaRef("PolicyPatch") }), optional: true },
  client: { type: "string", optional: true },
});

/** The schema of what `checkPolicy` answers. */
export const checkedPolicySchema: JsonSchema = record({
  policy: described("The whole policy that it would come to.", schemaRef("Policy")),
  changed: described(
    "The fields that differ from the client's policy of now; without a client from the defaults.",
    listOf(text()),
  ),
});

const wrongDraft = (pointer: string, detail: string) =>
  new Problem("validation", "The draft is wrong.", { errors: [{ pointer, detail }] });

/**
 * Answers the policy that a `PUT`, or a `PATCH` of a client's policy, would make. Throws the faults that such a call
 * would find. Writes nothing.
 */
export async function checkPolicy({ ctx, ...exchange }: Exchange): Promise<Reply> {
  const { policy, patch, client } = policyDraft(await jsonBody({ ctx, ...exchange }));
  const document = policy ?? patch;
  if (document == null || (policy !== undefined && patch !== undefined))
    throw wrongDraft("", "expected either policy or patch");
  if (patch !== undefined && client === undefined)
    throw wrongDraft("/client", "expected the client whose policy is patched");
  const found = client === undefined ? null : await actors.clientCache.get(ctx, { publicId: client });
  if (found === null && client !== undefined) throw wrongDraft("/client", "expected the id of a client");
  const [mode, member] = policy === undefined ? (["patch", "/patch"] as const) : (["put", "/policy"] as const);
  const before = found ? (await actors.policy.get(ctx, { clientId: found.id })).policy : defaultPolicy;
  const drafted = found
    ? actors.policy.change(ctx, { clientId: found.id, mode, document, isDryRun: true }).then((one) => one.policy)
    : actors.policy.check(ctx, { policy: document });
  const whole = await drafted.catch(rethrowUnder(member));
  return json(200, { policy: policyView(whole), changed: changedFields(before, whole) });
}
