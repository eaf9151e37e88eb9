/** The policy of a client: in words, with its differences from the defaults, and its editor. */
import { Editor } from "../editor/editor.js";
import { useQuery } from "../state/live.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Section } from "../ui/page.js";
import { clientPath } from "./client.parts.js";
import { said } from "./client.policy.words.js";

/** @import { Found } from "../state/live.js" */
/** @import { Client, Policy } from "../types.d.ts" */

/** A field as the API's own document describes it. */
/** @typedef {{ description?: string, default?: unknown }} Described */

/** @param {{ client: Client }} props */
export function PolicyTab({ client }) {
  const found = /** @type {Found<Policy>} */ (useQuery(clientPath(client.id, "/policy")));
  const api = /** @type {Found<any>} */ (useQuery("/openapi.json"));
  const { data: policy } = found;
  /** @type {Record<string, Described>} */
  const fields = api.data?.components.schemas.PolicyInput.properties ?? {};
  return html`
    <${ErrorBox} problem=${found.problem} title="The policy could not be read." onRetry=${found.reload} />
    <${ErrorBox} problem=${api.problem} title="The defaults could not be read." onRetry=${api.reload} />
    ${(found.isLoading || api.isLoading) && html`<${Loading} lines=${8} />`}
    ${
      policy &&
      api.data &&
      html`<${Section} title="In words"><ul class="points">${said(policy).map((line) => html`<li key=${line}>${line}</li>`)}</ul></${Section}>
      <${Changed} policy=${policy} fields=${fields} />`
    }
    <${Editor} path=${clientPath(client.id, "/policy")} kind="policy" name=${`the policy of ${client.name}`} onSaved=${found.set}
      consequence="It holds on all nodes within six seconds, for what is sent from then on. Batches that are there go on as they began." />`;
}

/** @param {unknown} value */
const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));

/** @param {unknown} a @param {unknown} b */
const isSame = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** A copy with sorted members, so that two values can be compared as text. @param {any} value @returns {any} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])]),
  );
}

/** @param {{ policy: Policy, fields: Record<string, Described> }} props */
function Changed({ policy, fields }) {
  const names = /** @type {(keyof Policy)[]} */ (Object.keys(policy));
  const changed = names.filter((name) => !isSame(policy[name], fields[name]?.default));
  return html`<${Section} title="Other than the defaults">
    ${
      changed.length === 0
        ? html`<${Empty} title="Every field has its default." icon="check"><p>The client may send any JSON object, within the usual limits.</p></${Empty}>`
        : html`<div class="table-box"><div class="table-scroll" role="group" aria-label="Other than the defaults" tabindex="0"><table class="policy-fields">
          <caption class="offscreen">Fields that are other than the defaults</caption>
          <thead><tr><th scope="col">Field</th><th scope="col">Here</th><th scope="col" class="hides-first">Default</th></tr></thead>
          <tbody>${changed.map(
            (
              name,
            ) => html`<tr key=${name}><th scope="row"><strong class="mono">${name}</strong><span class="under quiet">${meaning(fields[name]?.description ?? "")}</span></th>
            <td><${Value} of=${policy[name]} /></td><td class="hides-first quiet"><${Value} of=${fields[name]?.default} /></td></tr>`,
          )}</tbody>
        </table></div></div>`
    }
    <details class="whole"><summary>The whole policy as JSON</summary><pre tabindex="0" aria-label="The whole policy as JSON">${JSON.stringify(policy, null, 2)}</pre></details>
  </${Section}>`;
}

/** Shows a description. Names between backticks become code. @param {string} text */
const meaning = (text) => text.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));

/** @param {{ of: unknown }} props */
function Value({ of }) {
  if (of === null) return html`<span class="quiet">none</span>`;
  const text = shown(of) ?? "";
  return text.length > 60
    ? html`<pre tabindex="0" class="value">${text}</pre>`
    : html`<span class="mono">${text}</span>`;
}
