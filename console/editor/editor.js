/**
 * The editor of a dataset or a client's policy. Its views are a form, JSON, the differences, and earlier versions. It checks and
 * tries the draft before it saves, and never overwrites what another operator has saved.
 */
import { useState } from "preact/hooks";
import { connection } from "../api/client.js";
import { may } from "../api/session.js";
import { useKeys } from "../state/keys.js";
import { address, setQuery } from "../state/router.js";
import { ask } from "../ui/dialog.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { toast } from "../ui/toast.js";
import { ShownChanges } from "./changes.js";
import { Conflict } from "./conflict.js";
import { useDocument } from "./document.js";
import { Faults } from "./faults.js";
import { focusOn } from "./field.js";
import { Form } from "./form.js";
import { JsonTab } from "./json-tab.js";
import { placeOf, placesOf } from "./positions.js";
import { Try } from "./try.js";
import { Versions } from "./versions.js";

/** @import { Editing, Kind } from "./document.js" */
/** @import { Document } from "./pointers.js" */

/** @typedef {"form" | "json" | "difference" | "versions"} View */

/** @type {[View, string][]} */
const views = [
  ["form", "Form"],
  ["json", "JSON"],
  ["difference", "Difference"],
  ["versions", "Versions"],
];

/**
 * @param {object} props
 * @param {string} props.path where the API has it: `/admin/datasets/orders`, `/admin/clients/ID/policy`
 * @param {Kind} props.kind
 * @param {string} props.name how people call it: "the dataset orders"
 * @param {any} props.consequence what a change does, in a sentence
 * @param {(document: Document) => void} [props.onSaved]
 */
export function Editor({ path, kind, name, consequence, onSaved }) {
  const { editing, problem, reload } = useDocument({ path, kind, ...(onSaved && { onSaved }) });
  if (!editing)
    return problem
      ? html`<${ErrorBox} problem=${problem} title=${`It was not possible to read ${name}.`} onRetry=${reload} />`
      : html`<${Loading} lines=${8} label="Loading the editor" />`;
  return html`<${Opened} editing=${editing} name=${name} consequence=${consequence} />`;
}

/** @param {{ editing: Editing, name: string, consequence: any }} props */
function Opened({ editing, name, consequence }) {
  const { changes, isDirty, isBusy, textFault, faults, problem, isChecked, theirs } = editing;
  const asked = address.value.query.view;
  const view = views.find(([one]) => one === asked)?.[0] ?? "form";
  const [isTrying, setTrying] = useState(false);
  const [goTo, setGoTo] = useState(/** @type {{ offset: number, time: number } | null} */ (null));
  const isReadOnly = !may("admin");
  const isAway = connection.value.isAway;
  const changed = Object.keys(changes).length;

  const show = (/** @type {View} */ next) => setQuery({ view: next === "form" ? null : next }, { replace: true });
  const lead = (/** @type {string} */ pointer) => {
    if (view !== "json") {
      if (view !== "form") show("form");
      return setTimeout(() => focusOn(pointer));
    }
    const place = placeOf(placesOf(editing.text), pointer);
    setGoTo({ offset: place?.from ?? 0, time: Date.now() });
  };
  const check = async () => {
    if (await editing.check()) toast("Nothing is wrong with it. It is not saved yet.");
  };
  const save = () => saveAsked(editing, name, consequence);
  const canSave = isDirty && textFault === null && !isBusy && !isAway;
  useKeys([
    ...(isReadOnly ? [] : [{ keys: "mod+s", label: "Save", group: "Editor", run: () => canSave && save() }]),
    { keys: "mod+e", label: "Check", group: "Editor", run: () => textFault === null && check() },
  ]);

  if (theirs) return html`<${Conflict} editing=${editing} theirs=${theirs} name=${name} />`;
  return html`<section class="card editor" aria-label=${`Editor of ${name}`}>
    <div class="editor-bar">
      <${Tabs} view=${view} changed=${changed} onShow=${show} />
      <div class="editor-actions">
        <span class="quiet" role="status">${isReadOnly ? "You may look, and try." : textFault ? "The JSON has a fault." : isDirty ? `${plural(changed, "change")}, not saved` : "Saved"}</span>
        ${isDirty && html`<button type="button" class="button" onClick=${() => discardAsked(editing)}>Discard</button>`}
        <button type="button" class="button" disabled=${textFault !== null || isAway || isReadOnly} aria-busy=${isBusy} onClick=${check}><${Icon} name="check" />Check</button>
        <button type="button" class="button" aria-expanded=${isTrying} onClick=${() => setTrying(!isTrying)}><${Icon} name="play" />Try</button>
        ${!isReadOnly && html`<button type="button" class="button primary" disabled=${!canSave} onClick=${save}>Save</button>`}
      </div>
    </div>
    <${ErrorBox} problem=${problem} title="It was not accepted." />
    ${problem && html`<${Overrides} of=${problem.body.overrides} />`}
    <${Faults} faults=${faults} onGo=${lead} />
    ${isChecked && faults.length === 0 && html`<p class="bar good" role="status"><${Icon} name="check" /><span>The API finds nothing wrong. ${isDirty && "It is not saved yet."}</span></p>`}
    ${isTrying && html`<${Try} editing=${editing} onClose=${() => setTrying(false)} />`}
    <div role="tabpanel" id="editor-panel" aria-labelledby=${`view-${view}`}>
      ${view === "form" && (textFault ? html`<p class="bar warn"><${Icon} name="warning" /><span>The JSON has a fault at line ${textFault.line}. Mend it there, then the form can show it.</span><button type="button" class="button small" onClick=${() => show("json")}>Show the JSON</button></p>` : html`<${Form} editing=${editing} isReadOnly=${isReadOnly} />`)}
      ${view === "json" && html`<${JsonTab} editing=${editing} isReadOnly=${isReadOnly} goTo=${goTo} />`}
      ${view === "difference" && html`<${ShownChanges} editing=${editing} />`}
      ${view === "versions" && html`<${Versions} editing=${editing} isReadOnly=${isReadOnly} />`}
    </div>
  </section>`;
}

/** @param {Editing} editing */
const discardAsked = (editing) =>
  ask({
    title: "Discard the changes?",
    consequence: html`<p>The draft becomes what is saved again.</p>`,
    action: "Discard changes",
    isDanger: true,
    run: async () => editing.discard(),
  });

/** @param {Editing} editing @param {string} name @param {any} consequence */
async function saveAsked(editing, name, consequence) {
  /** @type {Awaited<ReturnType<Editing["save"]>> | null} */
  let end = null;
  const isDone = await ask({
    title: `Save ${name}?`,
    consequence: html`<p>${consequence}</p><${ShownChanges} editing=${editing} isShort />`,
    action: "Save",
    run: async () => {
      end = await editing.save();
    },
  });
  if (!isDone) return;
  if (end === "saved") toast("It is saved. All nodes have it within six seconds.");
  if (end === "faults") toast("It was not saved. What is wrong stands above the form.", "bad");
}

/** @param {{ view: View, changed: number, onShow: (view: View) => void }} props */
function Tabs({ view, changed, onShow }) {
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = views.findIndex(([one]) => one === view);
    const [next] = views[(at + step + views.length) % views.length] ?? [];
    if (!next) return;
    onShow(next);
    document.getElementById(`view-${next}`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label="How it is shown" onKeyDown=${press}>
    ${views.map(
      ([one, label]) =>
        html`<button key=${one} type="button" role="tab" id=${`view-${one}`} aria-selected=${one === view} aria-controls="editor-panel" tabindex=${one === view ? 0 : -1} onClick=${() => onShow(one)}>${label}${one === "difference" && changed > 0 && html` <span class="quiet">${changed}</span>`}</button>`,
    )}
  </div>`;
}

/** Lists the clients whose overrides would no longer fit the dataset. @param {{ of: unknown }} props */
function Overrides({ of }) {
  if (!Array.isArray(of) || of.length === 0) return null;
  return html`<div class="bar bad"><span>These clients have overrides that would not fit any more. Change their overrides first.
    <ul>${of.map(({ clientId, errors = [] }) => html`<li key=${clientId}><a href=${`#/clients/${clientId}?tab=datasets`}>${clientId}</a> ${errors.map((/** @type {any} */ { pointer, detail }) => `${pointer}: ${detail}`).join(" · ")}</li>`)}</ul></span></div>`;
}
