/**
 * Counts the batches of each state, with the other filters applied. Each count is a filter; a large one is shown as "10,000+".
 */
import { useQuery } from "../state/live.js";
import { setQuery } from "../state/router.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count } from "../ui/numbers.js";
import { iconOf, toneOf, wordOf } from "../ui/states.js";
import { listedStates } from "./list.js";

/** @import { Query } from "../types.d.ts" */

/** @typedef {Record<string, { value: number, isMore: boolean }>} Counts */

/** Chips of states without batches are hidden, unless they are chosen. */
/** @param {{ query: Query }} props */
export function StateCounts({ query }) {
  const { status = "", order: _, ...others } = query;
  /** @type {import("../state/live.js").Found<Counts>} */
  const { data } = useQuery("/admin/batches/counts", { query: others, topics: ["batches"], everyMs: 10_000 });
  const chosen = status.split(",").filter(Boolean);
  const flip = (/** @type {string} */ state) => {
    const next = chosen.includes(state) ? chosen.filter((one) => one !== state) : [...chosen, state];
    setQuery({ status: next.join(",") });
  };
  const shown = listedStates.filter((state) => chosen.includes(state) || (data?.[state]?.value ?? 0) > 0);
  return html`<div class="counts" role="group" aria-label="Batches by state">
    ${shown.map((state) => {
      const { value = null, isMore = false } = data?.[state] ?? {};
      return html`<button key=${state} type="button" class=${`count-chip ${toneOf(state)}`} aria-pressed=${chosen.includes(state)} onClick=${() => flip(state)}>
        <${Icon} name=${iconOf(state)} /><span>${wordOf(state)}</span><b>${value === null ? "–" : `${count(value)}${isMore ? "+" : ""}`}</b>
      </button>`;
    })}
  </div>`;
}
