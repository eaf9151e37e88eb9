/** A partner's account: who is logged in, with which key, and a new secret if that is allowed. */
import { post } from "../api/client.js";
import { session } from "../api/session.js";
import { useQuery } from "../state/live.js";
import { Copy } from "../ui/copy.js";
import { ask } from "../ui/dialog.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page, Section } from "../ui/page.js";
import { showOnce } from "../ui/secret.js";
import { State } from "../ui/states.js";
import { Time } from "../ui/time.js";

/** @import { Account } from "../types.d.ts" */

export default function AccountPage() {
  const found = useQuery("/account");
  const account = /** @type {Account | null} */ (found.data);
  return html`<${Page} title="Account">
    <${ErrorBox} problem=${found.problem} title="Your account could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} label="Loading your account" />`}
    ${account && html`<${Identity} account=${account} /><${Secret} account=${account} reload=${found.reload} />`}
  </${Page}>`;
}

/** @param {{ account: Account }} props */
function Identity({ account: { name, clientIdentifier, status, createdAt, key } }) {
  return html`<${Section} title=${name}><dl class="facts">
    <dt>Client identifier</dt><dd class="mono">${clientIdentifier} <${Copy} text=${clientIdentifier} what="client identifier" /></dd>
    <dt>State</dt><dd><${State} of=${status} /></dd>
    <dt>Since</dt><dd><${Time} at=${createdAt} isExact /></dd>
    ${
      key &&
      html`<dt>Logged in with</dt><dd>${key.name === "default" ? "your secret" : html`the key <b>${key.name}</b>`}${key.expiresAt && html`, which ends <${Time} at=${key.expiresAt} />`}</dd>
      <dt>It may</dt><dd>${key.scopes.map((scope) => (scope === "import" ? "import" : scope)).join(" and ")}</dd>`
    }
    ${session.value && html`<dt>This session</dt><dd>ends <${Time} at=${session.value.expiresAt} /></dd>`}
  </dl></${Section}>`;
}

/** @param {{ account: Account, reload: () => void }} props */
function Secret({ account: { features, secret, clientIdentifier, key }, reload }) {
  const isOwn = key === null || key.name === "default";
  return html`<${Section} title="Your secret">
    <div class="stack">
      <p>${secret.createdAt ? html`It was made <${Time} at=${secret.createdAt} />.` : "When it was made is not known."}</p>
      <p>DataFlow keeps only its hash: nobody can show it to you again. ${secret.previousValidUntil && html`The one before is valid too, until <${Time} at=${secret.previousValidUntil} isExact />.`}</p>
      ${
        features.rotateSecret && isOwn
          ? html`<div class="row"><button type="button" class="button" onClick=${() => rotate(clientIdentifier, reload)}><${Icon} name="key" />Make a new secret</button></div>`
          : html`<p class="quiet">${features.rotateSecret ? "Log in with the secret itself to make a new one." : "If you need a new one, ask the operator."}</p>`
      }
    </div>
  </${Section}>`;
}

/** @param {string} clientIdentifier @param {() => void} reload */
async function rotate(clientIdentifier, reload) {
  let made = "";
  const isDone = await ask({
    title: "Make a new secret?",
    consequence:
      "The old one stays valid for a day, so that your programs can change over. Put the new one into all of them until then.",
    action: "Make a new secret",
    run: async () => {
      ({ secret: made } = await post("/account/rotate-secret"));
    },
  });
  if (!isDone) return;
  await showOnce({
    title: "Your new secret",
    what: "secret",
    secret: made,
    how: html`<p class="dialog-text">It goes with the client identifier <code>${clientIdentifier}</code>, here and in your programs. This session goes on.</p>`,
  });
  reload();
}
