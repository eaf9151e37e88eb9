/** What the list of clients and the page of one client share: paths, states, and the dialog that shows a secret. */
import { urlOf } from "../api/client.js";
import { save } from "../api/download.js";
import { Copy } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { showOnce } from "../ui/secret.js";
import { State } from "../ui/states.js";

/** @import { Client } from "../types.d.ts" */

/** @param {string} id @param {string} [rest] `/keys` */
export const clientPath = (id, rest = "") => `/admin/clients/${encodeURIComponent(id)}${rest}`;

/** @param {{ of: Pick<Client, "status" | "paused" | "legalHold"> }} props */
export function ClientState({ of: { status, paused, legalHold } }) {
  const isPaused = paused && status === "active";
  return html`<span class="row"><${State} of=${isPaused ? "paused" : status} />${legalHold && html`<${State} of="legal_hold" />`}</span>`;
}

/** @type {[seconds: string, label: string][]} */
export const graces = [
  ["0", "ends at once"],
  ["3600", "is good for 1 h more"],
  ["86400", "is good for 1 day more"],
  ["604800", "is good for 7 days more"],
];

/** Where partners reach the API, without a slash at the end. */
const apiUrl = () => urlOf("").replace(/\/$/, "");

/** A text in a shell's quotes. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** @param {string} identifier @param {string} secret @param {string} what */
function commandsFor(identifier, secret, what) {
  const url = apiUrl();
  return [
    [`Look whether the ${what} works`, `curl -sS -u ${quoted(`${identifier}:${secret}`)} ${quoted(`${url}/policy`)}`],
    [
      "Send a file by curl",
      `curl -sS -u ${quoted(`${identifier}:${secret}`)} -H 'Content-Type: text/csv' --data-binary @records.csv ${quoted(`${url}/imports`)}`,
    ],
    [
      "Send a file by dataflow-push",
      `DATAFLOW_URL=${quoted(url)} DATAFLOW_CLIENT=${quoted(identifier)} DATAFLOW_SECRET=${quoted(secret)} npx dataflow-push records.csv`,
    ],
  ];
}

/** @param {{ identifier: string, secret: string, what: string, note: string | undefined }} props */
function HandOver({ identifier, secret, what, note }) {
  const store = () => {
    const lines = [`DATAFLOW_URL=${apiUrl()}`, `DATAFLOW_CLIENT=${identifier}`, `DATAFLOW_SECRET=${secret}`];
    save(new Blob([`${lines.join("\n")}\n`], { type: "text/plain" }), `${identifier}.env`);
  };
  return html`<div class="stack hand-over">
    ${note && html`<p>${note}</p>`}
    <p class="row"><button type="button" class="button" onClick=${store}><${Icon} name="download" />Download ${identifier}.env</button>
      <span class="quiet">It has the address, the identifier and the ${what}; <code>dataflow-push</code> reads these variables.</span></p>
    ${commandsFor(identifier, secret, what).map(
      ([title, command]) => html`<div key=${title}><h3>${title}</h3>
      <div class="command"><pre tabindex="0" aria-label=${title}>${command}</pre><${Copy} text=${command} what="command" /></div></div>`,
    )}
  </div>`;
}

/**
 * Shows a client's secret, or that of one of its keys, with what to do with it.
 * @param {{ identifier: string, secret: string, title: string, note?: string }} shown `note`: until when a former secret is valid
 */
export const showClientSecret = ({ identifier, secret, title, note }) =>
  showOnce({
    title,
    what: "secret",
    secret,
    how: html`<${HandOver} identifier=${identifier} secret=${secret} what="secret" note=${note} />`,
  });

/** @param {string} identifier @param {string} secret @param {string} [note] */
export const showWebhookSecret = (identifier, secret, note = "") =>
  showOnce({
    title: `The webhook secret of ${identifier}`,
    what: "webhook secret",
    secret,
    how: html`<p class="dialog-text">The receiver verifies the signature of each event with it. Give it to whoever runs the receiver. ${note}</p>`,
  });
