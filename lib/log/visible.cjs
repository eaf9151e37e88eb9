// Makes a text of others safe to show. CommonJS like root.cjs, because Jest and the push client both load it.

// Controls (escape sequences, line breaks), what changes the direction of text, line separators, halves of letters, and
// whatever has no width. With these a text can look like another one, or control the terminal.
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

const escaped = (letter) =>
  letter
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

const visible = (text) => text.replace(hidden, escaped);

module.exports = { visible };
