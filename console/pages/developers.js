/**
 * Help for a partner's developer: commands with the partner's own address and name, how to verify webhooks, and where the API is
 * described.
 */
import { urlOf } from "../api/client.js";
import { curlOf, nodeVerifier, pushOf, pythonVerifier, stateOf } from "../partner/snippets.js";
import { useQuery } from "../state/live.js";
import { setQuery } from "../state/router.js";
import { Copy } from "../ui/copy.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page, Section } from "../ui/page.js";

/** @import { Account, OwnDatasetItem, PageProps } from "../types.d.ts" */

/** @param {{ title: string, text: string, children?: any }} props */
function Snippet({ title, text, children }) {
  return html`<${Section} title=${title} actions=${html`<${Copy} text=${text} what=${title} />`}>
    <div class="stack">${children}<pre class="document" tabindex="0" role="group" aria-label=${`${title}: the text`}>${text}</pre></div>
  </${Section}>`;
}

/** @param {PageProps} props */
export default function Developers({ query }) {
  const found = useQuery("/account");
  const account = /** @type {Account | null} */ (found.data);
  const datasets = useQuery("/datasets");
  /** @type {OwnDatasetItem[]} */
  const items = datasets.data?.items ?? [];
  // People paste these commands into a shell. The only part taken from the address is the name of an existing dataset.
  const wanted = items.find(({ name }) => name === query.dataset) ?? items[items.length > 1 ? 1 : 0];
  const { name: dataset = "default", formats: [format = "csv"] = [] } = wanted ?? {};
  const url = urlOf("").replace(/\/$/, "");
  const target = { url, dataset, format, identifier: account?.clientIdentifier ?? "" };
  return html`<${Page} title="Developers" lead="All that this page does, a program can do by the API."
    actions=${html`<a class="button" href=${urlOf("docs")} target="_blank" rel="noopener"><${Icon} name="code" />API documentation</a>`}>
    <${ErrorBox} problem=${found.problem} title="Your account could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} label="Loading" />`}
    ${
      account &&
      html`
      ${
        items.length > 1 &&
        html`<label class="field narrow"><span>Dataset</span><select value=${dataset} onChange=${(/** @type {Event} */ event) => setQuery({ dataset: fieldOf(event).value }, { replace: true })}>
          ${items.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`
      }
      <${Snippet} title="Send a file with curl" text=${curlOf(target)} />
      <${Snippet} title="Send a file with dataflow-push" text=${pushOf(target)}>
        <p>It shows the progress, waits for the end, goes on after a broken connection, and writes the rejected rows into a file.</p></${Snippet}>
      <${Snippet} title="See your last batches" text=${stateOf(url, account.clientIdentifier)} />
      <${Webhooks} account=${account} />`
    }
  </${Page}>`;
}

/** @param {{ account: Account }} props */
function Webhooks({ account: { webhook } }) {
  if (!webhook)
    return html`<${Section} title="Webhooks"><p>You have no webhook. With one, your program is told when a batch has ended, and need not ask. Ask the operator to set it up.</p></${Section}>`;
  return html`<${Section} title="Your webhook">
      <dl class="facts"><dt>Goes to</dt><dd class="mono">${webhook.url}</dd><dt>Events</dt><dd>${webhook.events.join(", ")}</dd></dl>
      <p class="note">Verify each one before you believe it: anybody can send to your address. The secret (<code>whsec_…</code>) is with your operator.</p>
    </${Section}>
    <${Snippet} title="Verify a webhook in Node.js" text=${nodeVerifier(portOf(webhook.url))} />
    <${Snippet} title="Verify a webhook in Python" text=${pythonVerifier} />`;
}

/** @param {string} url */
const portOf = (url) => new URL(url).port || "8080";
