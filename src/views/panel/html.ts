/** The page of a panel: nothing in it but a script and a style sheet of ours. Pure. */

export type PageParts = {
  /** The webview's own origin for resources. */
  source: string;
  /** Their addresses, or what they are: a page that has them in it is there without two requests. */
  script: string | Code;
  style: string | Code;
  nonce: string;
  title: string;
  /** Where pictures may come from beside nowhere. */
  images?: "data:";
  /** The script is a module. */
  module?: boolean;
  /** What the script is told before it asks; it finds it in the element `first`. */
  first?: unknown;
};

export type Code = { code: string };

/** What the page may load: our script by its nonce, our style sheet, and nothing from anywhere else. */
export function pageHtml(parts: PageParts): string {
  const { source, style, nonce, title, images, first } = parts;
  const styles = typeof style === "string" ? source : `'nonce-${nonce}'`;
  const own = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${styles}; font-src ${source};`;
  const policy = images === undefined ? own : `${own} img-src ${images};`;
  const sheet =
    typeof style === "string"
      ? `<link rel="stylesheet" href="${escapeHtml(style)}">`
      : `<style nonce="${nonce}">${style.code}</style>`;
  const told =
    first === undefined ? "" : `<script type="application/json" id="first">${json(first)}</script>\n`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${sheet}
<title>${escapeHtml(title)}</title>
</head>
<body>
<main id="root"></main>
${told}${scriptElement(parts)}
</body>
</html>
`;
}

function scriptElement({ script, nonce, module }: PageParts): string {
  const begin = `<script${module ? ' type="module"' : ""} nonce="${nonce}"`;
  if (typeof script === "string") return `${begin} src="${escapeHtml(script)}"></script>`;
  // Within a text of the script, they mean the same.
  return `${begin}>${script.code.replace(/<(?=\/script|!--)/gi, "<\\")}</script>`;
}

/** What a guest wrote may end no element. */
function json(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
