/**
 * Dialogs, by the browser's own `<dialog>`, which keeps the focus inside and gives it back. `ask` tells the consequence before it
 * acts.
 */
import { signal } from "@preact/signals";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { connection } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { ErrorBox, useIsOver } from "./error-box.js";
import { fieldOf } from "./fields.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { count } from "./numbers.js";

/** @import { ApiProblem } from "../api/problem.js" */

/**
 * @param {object} props
 * @param {string} props.title
 * @param {() => void} [props.onClose] called for Escape and the cross; without it the dialog stays open
 * @param {string} [props.class] `wide`
 * @param {any} [props.children]
 */
export function Dialog({ title, onClose, class: more = "", children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    const there = dialog.current;
    there?.showModal();
    // The browser focuses the cross. Focus the first field instead, or the main button, or "Cancel" if the main button is dangerous.
    if (document.activeElement?.matches(".dialog-head *")) firstOf(there)?.focus();
    return () => {
      there?.close();
      const back = before?.isConnected ? before : document.querySelector("h1");
      back?.focus();
    };
  }, []);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose?.();
  };
  return html`<dialog ref=${dialog} class=${more} aria-labelledby=${id} onCancel=${cancel}>
    <header class="dialog-head">
      <h2 id=${id}>${title}</h2>
      ${onClose && html`<button type="button" class="bare" aria-label="Close" onClick=${onClose}><${Icon} name="cross" /></button>`}
    </header>
    ${children}
  </dialog>`;
}

/** @param {HTMLElement | null} dialog @returns {HTMLElement | null | undefined} */
const firstOf = (dialog) =>
  dialog?.querySelector("form :is(input, select, textarea)") ??
  dialog?.querySelector(".dialog-foot .primary:not(:disabled)") ??
  dialog?.querySelector(".dialog-foot .button");

/**
 * @typedef {object} Question
 * @property {string} title "Cancel this batch?"
 * @property {any} [consequence] what happens then, in a sentence or more
 * @property {string} action the button: "Cancel batch"
 * @property {boolean} [isDanger]
 * @property {"none" | "optional" | "required"} [reason] asks for a reason, which the audit keeps
 * @property {number} [count] how many things it changes; a number above 50 has to be typed
 * @property {string} [type] a word to type before the button works, such as a client's identifier
 * @property {any} [extra] further fields, made by the caller
 * @property {(reason: string) => Promise<unknown>} run called by the button; an error that it throws is shown in the dialog
 */

/** @type {import("@preact/signals").Signal<(Question & { id: number, end: (isDone: boolean) => void })[]>} */
const questions = signal(/** @type {any[]} */ ([]));
let asked = 0;

/** A larger number has to be typed before the button works, because nobody types 4,812 by accident. */
const MOST_UNTYPED = 50;

/**
 * Asks the person, and runs the action after a yes.
 * @param {Question} question
 * @returns {Promise<boolean>} whether it was done
 */
export function ask(question) {
  return new Promise((resolve) => {
    const id = ++asked;
    const end = (/** @type {boolean} */ isDone) => {
      questions.value = questions.peek().filter((one) => one.id !== id);
      resolve(isDone);
    };
    questions.value = [...questions.peek(), { ...question, id, end }];
  });
}

/** The component that shows the open questions. */
export function Questions() {
  return html`${questions.value.map((question) => html`<${Ask} key=${question.id} ...${question} />`)}`;
}

/** @param {Question & { end: (isDone: boolean) => void }} props */
function Ask({ title, consequence, action, isDanger, reason = "none", count: many = 0, type, extra, run, end }) {
  const [why, setWhy] = useState("");
  const [typed, setTyped] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {ApiProblem | null} */ (null));
  const isOver = useIsOver(problem);
  const { isAway } = connection.value;
  const told = useRef(/** @type {HTMLDivElement | null} */ (null));
  // In a long form the refusal may be out of sight.
  useEffect(() => {
    if (problem) told.current?.scrollIntoView({ block: "nearest" });
  }, [problem]);
  const wanted = type ?? (many > MOST_UNTYPED ? String(many) : "");
  const isReady = typed.replaceAll(/[,.\s]/g, "") === wanted.replaceAll(/[,.\s]/g, "") && isOver && !isBusy && !isAway;
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isReady) return;
    setBusy(true);
    setProblem(null);
    try {
      await run(why.trim());
      end(true);
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${() => end(false)}>
    <form onSubmit=${submit}>
      ${consequence && html`<div class="dialog-text">${consequence}</div>`}
      ${extra}
      ${
        reason !== "none" &&
        html`<label class="field"><span>Reason${reason === "optional" ? " (optional)" : ""}, for the audit</span>
        <textarea rows="2" maxlength="1000" required=${reason === "required"} value=${why} onInput=${(/** @type {Event} */ event) => setWhy(fieldOf(event).value)}></textarea></label>`
      }
      ${
        wanted &&
        html`<label class="field"><span>Type <strong>${type ?? count(many)}</strong> to go on</span>
        <input type="text" autocomplete="off" inputmode=${type ? "text" : "numeric"} value=${typed} onInput=${(/** @type {Event} */ event) => setTyped(fieldOf(event).value)} /></label>`
      }
      ${isAway && html`<p class="bar bad"><span>The API does not answer now. This can be done when it is back.</span></p>`}
      <div ref=${told}><${ErrorBox} problem=${problem} title="This was not done." /></div>
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${() => end(false)}>Back</button>
        <button type="submit" class=${`button ${isDanger ? "danger" : "primary"}`} disabled=${!isReady} aria-busy=${isBusy}>${action}</button>
      </footer>
    </form>
  </${Dialog}>`;
}
