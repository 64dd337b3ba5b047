interface PageParts {
  readonly title: string;
  readonly head: string;
  readonly body: string;
  /** The way from the page to where the app is mounted. */
  readonly root?: string;
}

/** A page of our own. */
export const page = ({ title, head, body, root = '' }: PageParts): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="${root}docs/favicon-32x32.png">
${head}
</head>
<body>
${body}
</body>
</html>
`;

/** The page at /docs. Its links are relative, so that it works under any prefix. */
export const DOCS_PAGE = page({
  title: 'Lingomate Auth',
  head: '<link rel="stylesheet" href="docs/swagger-ui.css">',
  body: '<div id="docs"></div>\n<script src="docs/swagger-ui-bundle.js"></script>\n<script src="docs/docs.js"></script>',
});

/** Kept out of the page, as its policy runs no inline script. */
export const DOCS_SCRIPT = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#docs', deepLinking: true });\n`;

/** Text as text, wherever it stands in a page. */
export const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** The page that an error's \`type\` points to: one anchor a code. */
export function errorsPage(codes: readonly { code: string; status: number; title: string; detail: string }[]): string {
  const rows = codes.map(
    ({ code, status, title, detail }) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status} ${escape(title)}</td><td>${escape(detail)}</td></tr>`,
  );
  const style =
    '<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}td,th{padding:.4rem 1rem .4rem 0;text-align:left;vertical-align:top}tr:target{background:#fff3c4}@media(max-width:40rem){tr:first-child{display:none}tr,td{display:block}tr{margin-bottom:1rem}td{overflow-wrap:anywhere;padding:0}}</style>';
  return page({
    title: 'Errors',
    head: style,
    body: `<h1>Errors</h1>\n<table>\n<tr><th>Code</th><th>Status</th><th>What it says</th></tr>\n${rows.join('\n')}\n</table>`,
  });
}
