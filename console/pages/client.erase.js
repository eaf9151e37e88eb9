/** Erases the records of one person that a client has sent. It first counts them, then erases them for good. */
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { get, post } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { ask } from "../ui/dialog.js";
import { ErrorBox } from "../ui/error-box.js";
import { SelectField, TextField } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast, toastProblem } from "../ui/toast.js";
import { erasedOf } from "./client.data.js";
import { clientPath } from "./client.parts.js";

/** @import { ApiProblem } from "../api/problem.js" */
/** @import { Client, Erasure } from "../types.d.ts" */

/** @typedef {{ field: string, value: string, isNumber: boolean }} Criterion */

const OWN = "default";
const MOST_FIELDS = 5;
const noCriterion = { field: "", value: "", isNumber: false };
const draft = signal({ client: "", dataset: OWN, datasets: [OWN], where: /** @type {Criterion[]} */ ([noCriterion]) });
const counted = signal(/** @type {Erasure["counts"] | null} */ (null));

/** Changes the search, and drops the count of the earlier one. @param {Partial<typeof draft.value>} change */
const edit = (change) => {
  draft.value = { ...draft.peek(), ...change };
  counted.value = null;
};

/** @param {number} index @param {Partial<Criterion>} change */
const editAt = (index, change) =>
  edit({ where: draft.peek().where.map((one, at) => (at === index ? { ...one, ...change } : one)) });

/** What is sent. */
function body() {
  const { client, dataset, where } = draft.peek();
  const members = where.map(({ field, value, isNumber }) => {
    const number = Number(value);
    if (isNumber && (value.trim() === "" || !Number.isFinite(number))) throw new Error(`"${field}" is to be a number.`);
    return [field.trim(), isNumber ? number : value];
  });
  return { client, dataset, where: Object.fromEntries(members) };
}

function Fields() {
  const { dataset, datasets, where } = draft.value;
  const [problem, setProblem] = useState(/** @type {ApiProblem | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    setProblem(null);
    try {
      counted.value = (await post("/admin/erasures?dryRun=true", body())).counts;
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  const isWhole = where.every(({ field, value }) => field.trim() !== "" && value !== "");
  return html`<div class="stack">
    <${SelectField} label="Dataset" value=${dataset} options=${datasets.map((one) => [one, one === OWN ? "default – what it sent by its own policy" : one])} onValue=${(/** @type {string} */ value) => edit({ dataset: value })} />
    <fieldset class="field"><legend>The person's values</legend><div class="stack">
      ${where.map((one, index) => html`<${CriterionFields} key=${index} index=${index} of=${one} canGo=${where.length > 1} />`)}
    </div></fieldset>
    ${where.length < MOST_FIELDS && html`<p><button type="button" class="button small" onClick=${() => edit({ where: [...where, noCriterion] })}><${Icon} name="plus" />And another field</button></p>`}
    <p class="row"><button type="button" class="button" disabled=${!isWhole || isBusy} aria-busy=${isBusy} onClick=${look}>${isBusy ? "Counting …" : "See how much it is"}</button><span class="quiet">Nothing is erased by this.</span></p>
    <div role="status">${counted.value && html`<div class="bar warn"><${Icon} name="info" /><span>It would erase ${erasedOf(counted.value)}.</span></div>`}</div>
    <${ErrorBox} problem=${problem} title="This could not be counted." />
  </div>`;
}

/** @param {{ index: number, of: Criterion, canGo: boolean }} props */
function CriterionFields({ index, of: { field, value, isNumber }, canGo }) {
  const remove = () => edit({ where: draft.peek().where.filter((_, at) => at !== index) });
  return html`<div class="criterion">
    <${TextField} label="Field" value=${field} required placeholder="email" onValue=${(/** @type {string} */ text) => editAt(index, { field: text })} />
    <${TextField} label="Value" value=${value} required maxlength="1000" onValue=${(/** @type {string} */ text) => editAt(index, { value: text })} />
    <label class="check"><input type="checkbox" checked=${isNumber} onChange=${() => editAt(index, { isNumber: !isNumber })} />a number</label>
    ${canGo && html`<button type="button" class="bare" aria-label="Leave this field out" onClick=${remove}><${Icon} name="cross" /></button>`}
  </div>`;
}

/** @param {Client} client @param {() => void} reload */
export async function erasePerson({ id, name, clientIdentifier }, reload) {
  draft.value = { client: id, dataset: OWN, datasets: [OWN], where: [noCriterion] };
  counted.value = null;
  get(clientPath(id, "/datasets"), { limit: 200 }).then(
    ({ items }) => {
      draft.value = {
        ...draft.peek(),
        datasets: [OWN, ...items.map((/** @type {{ name: string }} */ one) => one.name)],
      };
    },
    (error) => toastProblem("Its datasets could not be read", error),
  );
  const isDone = await ask({
    title: `Erase a person from what ${name} has sent`,
    consequence:
      "Records, errors, files and deliveries that have all of these values go, for ever. What was delivered into your own tables or to handlers stays there. Values are not shown anywhere afterwards.",
    action: "Erase for ever",
    isDanger: true,
    type: clientIdentifier,
    extra: html`<${Fields} />`,
    run: () => post("/admin/erasures", body()),
  });
  // The values belong to a person, so the page forgets them.
  draft.value = { ...draft.peek(), where: [noCriterion] };
  if (!isDone) return;
  toast("The erasure has begun. It goes piece by piece.");
  reload();
}
