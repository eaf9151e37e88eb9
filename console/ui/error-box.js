/**
 * Shows a refusal beside the thing that it is about: the fault, its code, the request id to copy, and a link to the explanation.
 */
import { useEffect, useState } from "preact/hooks";
import { connection } from "../api/client.js";
import { href } from "../state/router.js";
import { Copy } from "./copy.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { now } from "./time.js";

/** @import { ApiProblem } from "../api/problem.js" */

/** @param {{ problem: ApiProblem }} props shows the seconds until the next try is allowed */
export function CountDown({ problem }) {
  const left = Math.ceil((problem.at + (problem.retryAfterS ?? 0) * 1_000 - now.value) / 1_000);
  if (problem.retryAfterS === null) return null;
  return html`<span>${left > 0 ? `Try again in ${left} s.` : "Try again now."}</span>`;
}

/** Whether the waiting time that a problem has asked for is over. @param {ApiProblem | null} problem */
export function useIsOver(problem) {
  const until = problem?.retryAfterS ? problem.at + problem.retryAfterS * 1_000 : 0;
  const [, again] = useState(0);
  useEffect(() => {
    if (until === 0) return;
    const timer = setTimeout(() => again((n) => n + 1), Math.max(0, until - Date.now()));
    return () => clearTimeout(timer);
  }, [until]);
  return Date.now() >= until;
}

/**
 * @param {object} props
 * @param {ApiProblem | null} props.problem null: nothing is shown
 * @param {string} [props.title] what was tried: "The batch was not cancelled."
 * @param {() => void} [props.onRetry]
 */
export function ErrorBox({ problem, title, onRetry }) {
  const isAway = problem?.code === "away";
  // The bar at the head of the page already says that the API is away, and the page reads again by itself.
  if (!problem || (isAway && onRetry && connection.value.isAway)) return null;
  return html`<div class="error-box" role="alert">
    <${Icon} name="error" />
    <div>
      ${title && html`<strong>${title} </strong>`}<span>${problem.detail}</span>
      ${problem.isOutcomeUnknown && html`<p>It may have been done. Look before you ask again.</p>`}
      ${
        problem.errors.length > 0 &&
        html`<ul>${problem.errors.map(({ pointer, detail }) => html`<li key=${pointer}><code>${pointer || "/"}</code> ${detail}</li>`)}</ul>`
      }
      <p class="meta">
        <${CountDown} problem=${problem} />
        ${!isAway && html`<span>Code <code>${problem.code}</code></span>`}
        ${problem.requestId && html`<span>Request <code>${problem.requestId}</code><${Copy} text=${problem.requestId} what="request id" /></span>`}
        ${problem.status > 0 && html`<a href=${href("/errors", { code: problem.code })}>What this means</a>`}
        ${onRetry && html`<button type="button" class="link" onClick=${onRetry}>Try again</button>`}
      </p>
    </div>
  </div>`;
}
