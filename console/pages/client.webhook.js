/** A client's webhook: its receiver, whether the receiver answers, its secret, and the last deliveries. */
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { get, patch, post } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { may } from "../api/session.js";
import { deliveryColumns, eventWords } from "../delivery/parts.js";
import { useList } from "../state/list.js";
import { useQuery } from "../state/live.js";
import { Copy, ShortId } from "../ui/copy.js";
import { ask } from "../ui/dialog.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { Checks, TextField } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { duration } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";
import { rotated } from "./client.keys.js";
import { clientPath, showWebhookSecret } from "./client.parts.js";

/** @import { ApiProblem } from "../api/problem.js" */
/** @import { Found } from "../state/live.js" */
/** @import { FoundList } from "../state/list.js" */
/** @import { AuditEntry, Client, Delivery, Listed, Policy } from "../types.d.ts" */

/** The API's answer to a test of the webhook. */
/** @typedef {{ eventId: string, url: string, at: string, status: number | null, error: string | null, ms: number }} Trial */

/** @type {[event: string, title: string, more: string][]} */
const events = Object.entries(eventWords).map(([event, words]) => [event, words, event]);
const usualEvents = ["batch.completed"];
const GONE = 410;

const draft = signal({ url: "", events: usualEvents });

function Fields() {
  const { url, events: chosen } = draft.value;
  const edit = (/** @type {Partial<typeof draft.value>} */ change) => {
    draft.value = { ...draft.peek(), ...change };
  };
  return html`<div class="stack">
    <${TextField} label="URL of the receiver" type="url" value=${url} required maxlength="2048" placeholder="https://partner.example/hooks" help="Another URL is another receiver: it gets a new secret, which is shown once." onValue=${(/** @type {string} */ value) => edit({ url: value })} />
    <${Checks} label="It gets" values=${chosen} options=${events} onValues=${(/** @type {string[]} */ values) => edit({ events: values })} />
  </div>`;
}

/** The last URL of a removed webhook, from the audit. @param {string} id @returns {Promise<string>} */
async function lastUrl(id) {
  const page = await get("/admin/audit", { subject: id, limit: 200 }).catch(() => ({ items: [] }));
  for (const { change } of /** @type {AuditEntry[]} */ (page.items)) {
    const after = (/** @type {string} */ pointer) => /** @type {any} */ (change)?.[pointer]?.[1];
    const url = after("/webhook/url") ?? after("/webhook")?.url;
    if (typeof url === "string") return url;
  }
  return "";
}

/** @param {Client} client @param {Policy["webhook"]} webhook @param {() => void} reload */
async function change({ id, name, clientIdentifier }, webhook, reload) {
  draft.value = webhook ? { url: webhook.url, events: [...webhook.events] } : { url: "", events: usualEvents };
  if (!webhook)
    lastUrl(id).then((url) => {
      if (url && draft.peek().url === "") draft.value = { ...draft.peek(), url };
    });
  let secret = "";
  const isDone = await ask({
    title: webhook ? `Change the webhook of ${name}` : `Turn on a webhook for ${name}`,
    consequence:
      "Batches that are taken from now on send these events; those of before send what was chosen then. All go to this URL.",
    action: webhook ? "Save" : "Turn on",
    extra: html`<${Fields} />`,
    run: async () => {
      const { url, events: chosen } = draft.peek();
      const answer = await patch(clientPath(id, "/policy"), { webhook: { url: url.trim(), events: chosen } });
      secret = answer.webhook.secret ?? "";
    },
  });
  if (!isDone) return;
  reload();
  if (secret) await showWebhookSecret(clientIdentifier, secret);
  toast(webhook ? "The webhook is changed." : "The webhook is on.");
}

/** @param {Client} client @param {() => void} reload */
async function turnOff({ id, name }, reload) {
  const isDone = await ask({
    title: `Turn off the webhook of ${name}?`,
    consequence:
      "Nothing is sent any more, and deliveries that wait end when they are due. To turn it on again the receiver needs a new secret.",
    action: "Turn off",
    isDanger: true,
    run: () => patch(clientPath(id, "/policy"), { webhook: null }),
  });
  if (!isDone) return;
  toast("The webhook is off.");
  reload();
}

/** @param {Client} client */
async function rotate({ id, name, clientIdentifier }) {
  const made = await rotated({
    title: `New webhook secret for ${name}?`,
    consequence:
      "Until the former secret ends, each event is signed with both: the receiver can change over at any time.",
    path: clientPath(id, "/rotate-webhook-secret"),
  });
  if (made !== null) await showWebhookSecret(clientIdentifier, made.secret, made.note);
}

/** @param {{ client: Client }} props */
export function Webhook({ client }) {
  const found = /** @type {Found<Policy>} */ (
    useQuery(clientPath(client.id, "/policy"), { topics: ["stats"], everyMs: 15_000 })
  );
  const list = /** @type {FoundList<Delivery>} */ (
    useList("/admin/deliveries", { query: { client: client.id, limit: 50 }, topics: ["deliveries"], everyMs: 5_000 })
  );
  // The list keeps new rows back until they are asked for.
  const newest = /** @type {Found<Listed<Delivery>>} */ (
    useQuery("/admin/deliveries", { query: { client: client.id, limit: 1 }, topics: ["deliveries"], everyMs: 5_000 })
  );
  const { data: policy } = found;
  const columns = deliveryColumns({ side: "operator", mayReplay: may("operator"), reload: list.reload }).filter(
    ({ key }) => key !== "client",
  );
  return html`
    <${ErrorBox} problem=${found.problem} title="The webhook could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} lines=${3} />`}
    ${policy && html`<${Receiver} client=${client} webhook=${policy.webhook} reload=${found.reload} last=${newest.data?.items[0]} />`}
    <${Section} title="Last deliveries" actions=${html`<a class="button small" href=${`#/deliveries?client=${client.id}`}>All its deliveries</a>`}>
      <${Table} caption="Its last deliveries" columns=${columns} list=${list} hrefOf=${(/** @type {Delivery} */ { id }) => `#/deliveries/${id}`}
        empty=${html`<${Empty} title="Nothing was sent yet." icon="deliveries"><p>${policy?.webhook ? "A delivery is made with the next event of a batch. Send a test to see whether the receiver answers." : "Turn the webhook on first."}</p></${Empty}>`} />
    </${Section}>`;
}

/** @param {{ client: Client, webhook: Policy["webhook"], reload: () => void, last: Delivery | undefined }} props */
function Receiver({ client, webhook, reload, last }) {
  if (!webhook) return html`<${Off} client=${client} reload=${reload} last=${last} />`;
  const actions =
    may("admin") &&
    html`<button type="button" class="button small" onClick=${() => change(client, webhook, reload)}>Change</button>
    <button type="button" class="button small" onClick=${() => rotate(client)}>New secret</button>
    <button type="button" class="button small" onClick=${() => turnOff(client, reload)}>Turn off</button>`;
  return html`<${Section} title="Receiver" actions=${actions}>
    <dl class="facts">
      <dt>URL</dt><dd><span class="mono">${webhook.url}</span> <${Copy} text=${webhook.url} what="URL" /></dd>
      <dt>Events</dt><dd>${webhook.events.map((one) => eventWords[one] ?? one).join(", ")}</dd>
      <dt>Last delivery</dt><dd>${last ? html`<${State} of=${last.status} /> <${Time} at=${last.attempts.at(-1)?.at ?? last.createdAt} /> <span class="quiet">${answerOf(last)}</span>` : html`<span class="quiet">none yet</span>`}</dd>
    </dl>
    ${may("operator") && html`<${TryIt} client=${client} />`}
  </${Section}>`;
}

/** @param {{ client: Client, reload: () => void, last: Delivery | undefined }} props */
function Off({ client, reload, last }) {
  const isGone = last?.attempts.at(-1)?.status === GONE;
  return html`<${Section} title="Receiver">
    ${
      isGone
        ? html`<div class="bar bad"><${Icon} name="warning" /><span><strong>The receiver answered 410, so the webhook was turned off</strong> <${Time} at=${last?.attempts.at(-1)?.at} />. 410 means that nobody wants events there any more.
          Ask the partner for the URL of now, turn the webhook on with it, and give them the new secret. What they missed can be replayed from the deliveries.</span></div>`
        : html`<p class="quiet">The client has no webhook: nobody is told when a batch ends.</p>`
    }
    ${may("admin") ? html`<p class="section-foot"><button type="button" class="button" onClick=${() => change(client, null, reload)}>${isGone ? "Turn on again" : "Turn on a webhook"}</button></p>` : html`<p class="quiet">An admin can turn it on.</p>`}
  </${Section}>`;
}

/** Sends a test event, and shows the receiver's answer. @param {{ client: Client }} props */
function TryIt({ client: { id } }) {
  const [trial, setTrial] = useState(/** @type {Trial | null} */ (null));
  const [problem, setProblem] = useState(/** @type {ApiProblem | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const press = async () => {
    setBusy(true);
    setProblem(null);
    try {
      setTrial(await post(clientPath(id, "/webhook/test")));
    } catch (error) {
      setTrial(null);
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return html`<div class="section-foot stack">
    <p class="row"><button type="button" class="button" disabled=${isBusy} aria-busy=${isBusy} onClick=${press}>${isBusy ? "Waiting for the receiver …" : "Send a test"}</button>
      <span class="quiet">One event <code>webhook.test</code>, signed as any other. Real deliveries stay as they are.</span></p>
    <div role="status">${trial && html`<${Said} trial=${trial} />`}</div>
    <${ErrorBox} problem=${problem} title="The test was not sent." />
  </div>`;
}

/** @param {{ trial: Trial }} props */
function Said({ trial: { status, error, ms, at, url, eventId } }) {
  const isGood = error === null;
  return html`<div class=${`bar ${isGood ? "good" : "bad"}`}><${Icon} name=${isGood ? "check" : "error"} />
    <span><strong>${isGood ? `The receiver took it: ${status}` : status === null ? "No answer" : `The receiver answered ${status}`}</strong> in ${duration(ms)}, <${Time} at=${at} />.
    ${!isGood && html` ${error}. A real event would be sent again.`} <span class="quiet">${url}</span> <${ShortId} id=${eventId} what="event id" /></span></div>`;
}

/** The receiver's last answer in words. @param {Delivery} delivery */
function answerOf({ attempts }) {
  const last = attempts.at(-1);
  if (!last) return "not sent yet";
  return last.status === null ? `no answer: ${last.error}` : `the receiver answered ${last.status}`;
}
