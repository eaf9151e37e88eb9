/** A document in the editor: the stored version, the draft, and the faults of the draft. Only `save` writes. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call, post, refreshes } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { guardLeaving } from "../state/router.js";
import { ask } from "../ui/dialog.js";
import { changesOf, isObject, withValue } from "./pointers.js";
import { parsed } from "./positions.js";
import { schemaOf } from "./schema.js";

/** @import { ApiProblem } from "../api/problem.js" */
/** @import { Schema } from "./schema.js" */
/** @import { Changes, Document } from "./pointers.js" */

/** @typedef {"policy" | "dataset"} Kind */
/** @typedef {{ pointer: string, detail: string }} Fault */

/**
 * @typedef {object} Editing
 * @property {Kind} kind
 * @property {string} path `/admin/datasets/orders`
 * @property {Schema} schema
 * @property {Document} base as it was read
 * @property {Document} draft
 * @property {Changes} changes of the draft against `base`
 * @property {boolean} isDirty
 * @property {string} text the draft as JSON, as it was typed
 * @property {import("./positions.js").Place & { message: string } | null} textFault why the text is no JSON. The draft then keeps
 *   its last value
 * @property {Fault[]} faults the findings of the last check, except those in parts that were changed since
 * @property {ApiProblem | null} problem why the last check or save failed, if no field is the reason
 * @property {boolean} isChecked the present draft was checked and has no fault
 * @property {boolean} isBusy
 * @property {Document | null} theirs the document that another operator has saved meanwhile
 * @property {(pointer: string, value: unknown) => void} set
 * @property {(draft: Document) => void} replace
 * @property {(text: string) => void} setText
 * @property {() => void} discard
 * @property {() => Promise<boolean>} check
 * @property {() => Promise<"saved" | "faults" | "changed">} save Throws ApiProblem.
 * @property {(merged: Document) => void} settle makes `theirs` the base, and `merged` the draft
 * @property {(faults: Fault[]) => void} blame
 * @property {string[]} clientFields fields of a policy that no dataset has
 */

/** @param {Document} document */
const printed = (document) => JSON.stringify(document, null, 2);

/**
 * The faults of a refusal. The API's pointers begin at the request's body, so `member` is removed from them.
 * @param {ApiProblem} problem
 * @param {string} member
 * @returns {Fault[]}
 */
const faultsOf = (problem, member) =>
  problem.errors.map(({ pointer, detail }) => ({
    pointer: pointer.startsWith(`${member}/`) || pointer === member ? pointer.slice(member.length) : pointer,
    detail,
  }));

const nothingYet = {
  base: /** @type {Document | null} */ (null),
  draft: /** @type {Document} */ ({}),
  etag: /** @type {string | null} */ (null),
  text: /** @type {string | null} */ (null),
  textFault: /** @type {Editing["textFault"]} */ (null),
  faults: /** @type {Fault[]} */ ([]),
  problem: /** @type {ApiProblem | null} */ (null),
  isChecked: false,
  isBusy: false,
  theirs: /** @type {{ document: Document, etag: string | null } | null} */ (null),
};

/**
 * @param {{ path: string, kind: Kind, onSaved?: (document: Document) => void }} props
 * @returns {{ editing: Editing | null, problem: ApiProblem | null, reload: () => void }} `problem`: why the document could not be
 *   read
 */
export function useDocument({ path, kind, onSaved }) {
  const [schema, setSchema] = useState(/** @type {Schema | null} */ (null));
  const [clientFields, setClientFields] = useState(/** @type {string[]} */ ([]));
  const [state, setState] = useState(nothingYet);
  const [failed, setFailed] = useState(/** @type {ApiProblem | null} */ (null));
  const [round, setRound] = useState(0);
  const put = (/** @type {Partial<typeof nothingYet>} */ change) => setState((old) => ({ ...old, ...change }));

  useEffect(() => {
    let isGone = false;
    setFailed(null);
    Promise.all([schemaOf(kind), schemaOf("dataset"), readAt(path)]).then(
      ([known, ofDatasets, { document, etag }]) => {
        if (isGone) return;
        setSchema(known);
        setClientFields(Object.keys(known.properties ?? {}).filter((name) => !(name in (ofDatasets.properties ?? {}))));
        setState({ ...nothingYet, base: document, draft: document, etag });
      },
      (error) => !isGone && setFailed(asProblem(error)),
    );
    return () => {
      isGone = true;
    };
  }, [path, kind, round]);

  const { base, draft, text, textFault } = state;
  const changes = useMemo(() => (base ? changesOf(base, draft) : {}), [base, draft]);
  const isDirty = Object.keys(changes).length > 0 || textFault !== null;
  useLeaving(isDirty);
  useBack(isDirty, () => setRound((n) => n + 1));

  const edit = (/** @type {Document} */ next, /** @type {Partial<typeof nothingYet>} */ more = {}) => {
    // A fault stays until the value at its pointer is changed.
    const faults = state.faults.filter(
      ({ pointer }) => !Object.keys(changesOf(draft, next)).some((changed) => touches(pointer, changed)),
    );
    put({ draft: next, text: null, textFault: null, faults, problem: null, isChecked: false, ...more });
  };

  const check = async () => {
    put({ isBusy: true, problem: null, isChecked: false });
    try {
      if (kind === "dataset") await post("/admin/datasets/check", { dataset: draft, name: nameIn(path) });
      else await call("PUT", `${path}?dryRun=true`, { body: draft });
      put({ faults: [], isBusy: false, isChecked: true });
      return true;
    } catch (error) {
      const problem = asProblem(error);
      const faults = faultsOf(problem, kind === "dataset" ? "/dataset" : "");
      put({ faults, problem: faults.length > 0 ? null : problem, isBusy: false });
      return false;
    }
  };

  const save = async () => {
    try {
      const headers = state.etag ? { "If-Match": state.etag } : undefined;
      const answer = await call("PUT", path, { body: draft, ...(headers && { headers }) });
      setState({ ...nothingYet, base: answer.body, draft: answer.body, etag: answer.headers.get("ETag") });
      onSaved?.(answer.body);
      return /** @type {const} */ ("saved");
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status === 412) {
        put({ theirs: await readAt(path) });
        return /** @type {const} */ ("changed");
      }
      const faults = faultsOf(problem, "");
      const isOverridden = Array.isArray(problem.body.overrides);
      if (faults.length === 0 && !isOverridden) throw problem;
      put({ faults, problem: isOverridden ? problem : null });
      return /** @type {const} */ ("faults");
    }
  };

  const reload = () => setRound((n) => n + 1);
  if (!schema || !base) return { editing: null, problem: failed, reload };
  return {
    problem: failed,
    reload,
    editing: {
      kind,
      path,
      schema,
      base,
      draft,
      changes,
      isDirty,
      text: text ?? printed(draft),
      textFault,
      faults: state.faults,
      problem: state.problem,
      isChecked: state.isChecked,
      isBusy: state.isBusy,
      theirs: state.theirs?.document ?? null,
      set: (pointer, value) => edit(withValue(draft, pointer, value)),
      replace: (next) => edit(next),
      setText(typed) {
        const { value, fault } = parsed(typed);
        if (fault) put({ text: typed, textFault: fault, isChecked: false });
        else if (isObject(value)) edit(value, { text: typed });
        else
          put({ text: typed, textFault: { from: 0, to: typed.length, line: 1, message: "Expected an object: {…}." } });
      },
      discard: () => setState({ ...nothingYet, base, draft: base, etag: state.etag }),
      check,
      save,
      settle(merged) {
        if (!state.theirs) return;
        const { document, etag } = state.theirs;
        setState({ ...nothingYet, base: document, draft: merged, etag });
      },
      clientFields,
      blame: (faults) => put({ faults, isChecked: false }),
    },
  };
}

/** @param {string} path @returns {Promise<{ document: Document, etag: string | null }>} */
async function readAt(path) {
  const { body, headers } = await call("GET", path);
  return { document: body, etag: headers.get("ETag") };
}

/** @param {string} path */
const nameIn = (path) => decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));

/** @param {string} pointer @param {string} changed */
const touches = (pointer, changed) =>
  pointer === changed || pointer.startsWith(`${changed}/`) || changed.startsWith(`${pointer}/`);

/**
 * Reads the document again after a login and when the API is back, unless that would lose unsaved changes.
 * @param {boolean} isDirty
 * @param {() => void} reload
 */
function useBack(isDirty, reload) {
  const round = refreshes.value;
  const seen = useRef(round);
  useEffect(() => {
    if (seen.current !== round && !isDirty) reload();
    seen.current = round;
  }, [round]);
}

/** Asks before a person leaves the page with unsaved changes. @param {boolean} isDirty */
function useLeaving(isDirty) {
  useEffect(() => {
    if (!isDirty) return;
    const hold = (/** @type {Event} */ event) => event.preventDefault();
    addEventListener("beforeunload", hold);
    const open = guardLeaving(() =>
      ask({
        title: "Leave without saving?",
        consequence: "What you have changed here is lost.",
        action: "Leave",
        isDanger: true,
        run: async () => {},
      }),
    );
    return () => {
      removeEventListener("beforeunload", hold);
      open();
    };
  }, [isDirty]);
}
