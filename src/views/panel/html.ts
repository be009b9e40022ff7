/** The page of a panel: nothing in it but a script and a style sheet of ours. Pure. */

export type PageParts = {
  /** The webview's own origin for resources. */
  source: string;
  script: string;
  style: string;
  nonce: string;
  title: string;
  /** Where pictures may come from beside nowhere. */
  images?: "data:";
  /** The script is a module. */
  module?: boolean;
};

/** What the page may load: our script by its nonce, our style sheet, and nothing from anywhere else. */
export function pageHtml({ source, script, style, nonce, title, images, module }: PageParts): string {
  const own = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${source}; font-src ${source};`;
  const policy = images === undefined ? own : `${own} img-src ${images};`;
  const kind = module ? ' type="module"' : "";
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escapeHtml(style)}">
<title>${escapeHtml(title)}</title>
</head>
<body>
<main id="root"></main>
<script${kind} nonce="${nonce}" src="${escapeHtml(script)}"></script>
</body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
