/**
 * CodeMirror in a shadow root. There it adds its styles as a style sheet object, which the page's content security policy allows.
 */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "preact/hooks";
import { html } from "./html.js";

/** @import { JsonEditorProps, Mark } from "./json-editor.js" */

/** The page's colours, as custom properties that also reach into the shadow root. */
const look = EditorView.theme({
  "&": {
    color: "var(--text)",
    backgroundColor: "light-dark(#fff, #12161c)",
    fontSize: "0.8125rem",
    maxHeight: "36rem",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)", minHeight: "6rem" },
  ".cm-gutters": { color: "var(--quiet)", backgroundColor: "var(--sunk)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 8%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--busy-area)",
  },
  ".cm-matchingBracket": { outline: "1px solid var(--line-strong)" },
  ".cm-tooltip": { color: "var(--text)", backgroundColor: "var(--card)", border: "1px solid var(--line-strong)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-foldPlaceholder": { color: "var(--quiet)", backgroundColor: "var(--sunk)", borderColor: "var(--line)" },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--wait)" },
]);

/** @param {Mark[]} marks @param {number} length @returns {import("@codemirror/lint").Diagnostic[]} */
const diagnosticsOf = (marks, length) =>
  marks.map(({ from, to, message }) => ({
    from: Math.min(from, length),
    to: Math.min(to, length),
    severity: "error",
    message,
  }));

/** @param {JsonEditorProps} props */
export function CodeMirror({ id, label, text, onChange, marks = [], isReadOnly = false, goTo }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const view = useRef(/** @type {EditorView | null} */ (null));
  const current = useRef(onChange);
  current.current = onChange;
  const access = useRef(new Compartment());

  useEffect(() => {
    const root = host.current?.shadowRoot ?? host.current?.attachShadow({ mode: "open", delegatesFocus: true });
    if (!root) return;
    const made = new EditorView({
      root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          foldGutter(),
          lintGutter(),
          history(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          json(),
          look,
          syntaxHighlighting(colours),
          keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
          EditorView.contentAttributes.of({ "aria-label": label }),
          access.current.of(EditorState.readOnly.of(isReadOnly)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((one) => one.isUserEvent("from.page")))
              current.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    root.append(made.dom);
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const there = view.current;
    if (!there || there.state.doc.toString() === text) return;
    there.dispatch({ changes: { from: 0, to: there.state.doc.length, insert: text }, userEvent: "from.page" });
  }, [text]);

  const faults = JSON.stringify(marks);
  useEffect(() => {
    const there = view.current;
    there?.dispatch(setDiagnostics(there.state, diagnosticsOf(marks, there.state.doc.length)));
  }, [faults]);

  useEffect(() => {
    view.current?.dispatch({ effects: access.current.reconfigure(EditorState.readOnly.of(isReadOnly)) });
  }, [isReadOnly]);

  useEffect(() => {
    const there = view.current;
    if (!there || !goTo) return;
    there.focus();
    there.dispatch({ selection: { anchor: Math.min(goTo.offset, there.state.doc.length) }, scrollIntoView: true });
  }, [goTo?.time]);

  return html`<div id=${id} ref=${host} class="code-mirror"></div>`;
}
