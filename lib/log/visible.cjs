// What others wrote, as a person may safely look at it. CommonJS as root.cjs is, for the push client runs on any Node.

// Controls (escape sequences, line breaks), what changes the direction of text, line separators, halves of letters, and
// whatever takes no room: with these a text looks like another one, or steers the terminal.
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

const escaped = (letter) =>
  letter
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

const visible = (text) => text.replace(hidden, escaped);

module.exports = { visible };
