import ts from 'typescript';

/** The regular expressions that are written in a source file, without their slashes and flags. */
export function patternsOf(path: string, text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) found.push(node.text.slice(1, node.text.lastIndexOf('/')));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022));
  return found;
}

/** Characters that mean themselves: escapes and classes. */
const LITERAL = /\\.|\[(?:\\.|[^\]\\])*\]/gs;
/** A group's ends, and what repeats without a bound, with the group's end before it where there is one. */
const PARTS = /\(|\)(?:[*+]|\{\d+,\})|[*+]|\{\d+,\}|\)/g;

/**
 * Whether a group that repeats without a bound holds something that does, as in `(a+)+`: what does not match such a pattern
 * may take a time that doubles with each character.
 */
export function repeatsTwice(pattern: string): boolean {
  const groups = [false];
  for (const [part] of pattern.replace(LITERAL, 'x').matchAll(PARTS)) {
    if (part === '(') groups.push(false);
    else if (part.startsWith(')')) {
      const repeats = groups.pop() === true;
      if (part.length > 1 && repeats) return true;
      if (repeats || part.length > 1) groups[groups.length - 1] = true;
    } else groups[groups.length - 1] = true;
  }
  return false;
}
