/** The text with each letter that cannot be seen written as in JSON (`\u001b`); a text of JSON stays the same document. */
export function visible(text: string): string;
