/**
 * Shown before rejected records are sent again: which rules have changed since, and how many of the records would be accepted
 * now.
 */
import { useEffect, useState } from "preact/hooks";
import { asProblem } from "../api/problem.js";
import { useQuery } from "../state/live.js";
import { Loading } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, plural } from "../ui/numbers.js";
import { ruleWords } from "./rule-words.js";

/** @import { BatchRules } from "../types.d.ts" */

/** A longer list does not help a reader. */
const MOST_RULES = 8;
/** @typedef {{ tried: number, passed: number, partial: boolean }} Trial */

/**
 * @param {object} props
 * @param {string} props.base `/imports/0193…` or `/admin/batches/0193…`
 * @param {() => Promise<Trial | null>} props.tryNow null: these records cannot be tried
 */
export function Since({ base, tryNow }) {
  return html`<div class="since stack"><${Changed} base=${base} /><${WouldPass} tryNow=${tryNow} /></div>`;
}

/** @param {{ base: string }} props */
function Changed({ base }) {
  /** @type {import("../state/live.js").Found<BatchRules>} */
  const { data, problem } = useQuery(`${base}/rules`);
  if (problem) return html`<p class="quiet">What has changed since could not be read: ${problem.detail}</p>`;
  if (!data) return html`<${Loading} label="Comparing the rules" />`;
  const { dataset, version, isKept, changes } = data;
  const what = dataset === "default" ? "policy" : `dataset ${dataset}`;
  if (!isKept)
    return html`<p>The rules that the batch ran under are not kept any longer, so nobody can say what has changed.</p>`;
  if (version.now === null || changes === null)
    return html`<p class="bar warn"><${Icon} name="warning" /><span>The partner does not have the dataset <code>${dataset}</code> any more.</span></p>`;
  const { rules, more } = ruleWords(changes);
  const versions =
    version.batch === null || version.batch === version.now
      ? `${what} v${version.now}`
      : `${what} v${version.batch} → v${version.now}`;
  if (rules.length === 0)
    return html`<p class="bar warn"><${Icon} name="info" /><span><strong>The rules are the same</strong> (${versions}). What was rejected for its values is rejected again.</span></p>`;
  const hidden = Math.max(0, rules.length - MOST_RULES) + more;
  return html`<div><p><strong>What has changed since</strong> (${versions}):</p>
    <ul class="changed-rules">${rules.slice(0, MOST_RULES).map(({ what: name, before, after }) => html`<li key=${name}>${name} <del>${before}</del> → <ins>${after}</ins></li>`)}
      ${hidden > 0 && html`<li class="quiet">and ${count(hidden)} more</li>`}</ul></div>`;
}

/** @param {{ tryNow: () => Promise<Trial | null> }} props */
function WouldPass({ tryNow }) {
  const [trial, setTrial] = useState(/** @type {Trial | null | undefined} */ (undefined));
  const [problem, setProblem] = useState(/** @type {import("../api/problem.js").ApiProblem | null} */ (null));
  useEffect(() => {
    let isGone = false;
    tryNow().then(
      (found) => !isGone && setTrial(found),
      (error) => !isGone && setProblem(asProblem(error)),
    );
    return () => {
      isGone = true;
    };
  }, []);
  if (problem) return html`<p class="quiet">How many would pass now could not be tried: ${problem.detail}</p>`;
  if (trial === undefined) return html`<${Loading} label="Trying them by the rules of now" />`;
  if (trial === null) return null;
  const { tried, passed, partial } = trial;
  const tone = passed === 0 ? "warn" : "good";
  return html`<p class=${`bar ${tone}`} role="status"><${Icon} name=${passed === 0 ? "warning" : "check"} /><span>
    <strong>${passed === 0 ? `None of ${partial ? "the first " : ""}${plural(tried, "rejected record")} would pass now.` : `${count(passed)} of ${partial ? "the first " : ""}${plural(tried, "rejected record")} would pass now.`}</strong>
    ${partial && " The rest is checked when they are sent."}</span></p>`;
}
