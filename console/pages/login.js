/** The login of operators and partners: as a page, or over the page that was open when the session ended. */
import { useState } from "preact/hooks";
import { isSessionOver, urlOf } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { logIn, session, settings } from "../api/session.js";
import { Copy } from "../ui/copy.js";
import { Dialog } from "../ui/dialog.js";
import { ErrorBox, useIsOver } from "../ui/error-box.js";
import { fieldOf } from "../ui/fields.js";
import { Logo } from "../ui/frame.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

/** @import { ApiProblem } from "../api/problem.js" */

/** @typedef {"operator" | "partner"} Side */

/** The login as a whole page. */
export function Login() {
  return html`<main class="login" id="content">
    <div class="login-card">
      <div class="login-brand"><${Logo} /><h1>DataFlow</h1>${settings.label && html`<span class="label">${settings.label}</span>`}</div>
      <${LoginForm} />
    </div>
    <p class="login-foot">DataFlow ${settings.version} · <a href=${urlOf("docs")}>API documentation</a></p>
  </main>`;
}

/** The login over the open page, which keeps what was typed there. */
export function LoginAgain() {
  if (!isSessionOver.value || !session.value) return null;
  const { role, client } = session.value;
  const known = role === "partner" ? "partner" : "operator";
  return html`<${Dialog} title="Your session has ended">
    <p class="dialog-text">Log in again. What you have typed is still there.</p>
    <${LoginForm} only=${known} identifier=${client?.clientIdentifier} />
    <footer class="dialog-foot"><button type="button" class="link" onClick=${leave}>Leave, and log in as somebody else</button></footer>
  </${Dialog}>`;
}

function leave() {
  session.value = null;
  isSessionOver.value = false;
}

/** @param {{ only?: Side, identifier?: string }} props */
function LoginForm({ only, identifier = "" }) {
  const [chosen, choose] = useState(/** @type {Side} */ (only ?? "operator"));
  const [name, setName] = useState(identifier);
  const [secret, setSecret] = useState("");
  const [isShown, show] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {ApiProblem | null} */ (null));
  const isOver = useIsOver(problem);
  const isPartner = chosen === "partner";
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await logIn(isPartner ? { clientIdentifier: name.trim(), secret: secret.trim() } : { token: secret.trim() });
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  const pick = (/** @type {Side} */ side) => {
    choose(side);
    setSecret("");
    setProblem(null);
  };
  const isReady = secret.trim() !== "" && (!isPartner || name.trim() !== "") && !isBusy && isOver;
  const what = isPartner ? "Secret" : "Token";
  return html`<form class="login-form" onSubmit=${submit} aria-label="Log in">
    ${!only && settings.partners && html`<${Sides} chosen=${chosen} onPick=${pick} />`}
    <div id="login-fields" role=${!only && settings.partners ? "tabpanel" : undefined} aria-labelledby=${!only && settings.partners ? `tab-${chosen}` : undefined}>
      ${
        isPartner &&
        html`<label class="field"><span>Client identifier</span>
        <input name="username" type="text" autocomplete="username" autocapitalize="none" spellcheck=${false} required value=${name} onInput=${(/** @type {Event} */ event) => setName(fieldOf(event).value)} /></label>`
      }
      ${!isPartner && html`<input class="offscreen" type="text" name="username" autocomplete="username" value="operator" readonly tabindex="-1" aria-hidden="true" />`}
      <div class="field"><label for="secret">${what}</label>
        <span class="secret">
          <input id="secret" ref=${only || !isPartner ? focusOnce : undefined} name="password" type=${isShown ? "text" : "password"} autocomplete="current-password" spellcheck=${false} required value=${secret} onInput=${(/** @type {Event} */ event) => setSecret(fieldOf(event).value)} />
          <button type="button" class="link" aria-pressed=${isShown} onClick=${() => show(!isShown)}>${isShown ? "Hide" : "Show"}<span class="offscreen"> the ${what.toLowerCase()}</span></button>
        </span>
      </div>
      <${ErrorBox} problem=${problem} title=${problem?.status === 401 ? "That did not work." : undefined} />
      <button type="submit" class="button primary wide" disabled=${!isReady} aria-busy=${isBusy}>Log in</button>
      ${!isPartner && settings.tokenFile && html`<${Hint} file=${settings.tokenFile} />`}
    </div>
  </form>`;
}

/** @param {{ chosen: Side, onPick: (side: Side) => void }} props */
function Sides({ chosen, onPick }) {
  /** @type {[Side, string, string][]} */
  const sides = [
    ["operator", "Operator", "operators"],
    ["partner", "Partner", "user"],
  ];
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    const next = chosen === "operator" ? "partner" : "operator";
    onPick(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return html`<div class="sides" role="tablist" aria-label="Who logs in" onKeyDown=${press}>
    ${sides.map(
      ([
        side,
        label,
        icon,
      ]) => html`<button key=${side} id=${`tab-${side}`} type="button" role="tab" aria-selected=${side === chosen} aria-controls="login-fields" tabindex=${side === chosen ? 0 : -1} onClick=${() => onPick(side)}>
        <${Icon} name=${icon} />${label}
      </button>`,
    )}
  </div>`;
}

/**
 * Names the file of the token that the node has made itself. The node tells it only to a person at the same machine.
 * @param {{ file: string }} props
 */
function Hint({ file }) {
  return html`<p class="hint"><${Icon} name="key" /><span>The token is in the file <code>${file}</code> of this machine.</span><${Copy} text=${`cat ${file}`} what="the command that shows it" /></p>`;
}

const focused = new WeakSet();

/** Focuses the field when the form appears, but not again at each key press. @param {HTMLElement | null} element */
function focusOnce(element) {
  if (!element || focused.has(element)) return;
  focused.add(element);
  element.focus();
}
