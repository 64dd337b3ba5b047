import ts from 'typescript';

/** Methods that change a collection in place. */
const CHANGING = /^(set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin)$/;
/** Collections that TypeScript lets nobody change once their type says Readonly. */
const COLLECTION = /^(Map|Set|WeakMap|WeakSet|Array)$/;

type Named = ts.VariableDeclaration & { readonly name: ts.Identifier };
const isNamed = (declaration: ts.VariableDeclaration): declaration is Named => ts.isIdentifier(declaration.name);

/**
 * The module-level names that can be one thing now and another later: what is bound anew, what is changed in place by its
 * own module or an importing one, and a collection that is handed on without a Readonly type, so that anybody may change it.
 */
export function stateOf(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const lists = source.statements.filter(ts.isVariableStatement).map(({ declarationList }) => declarationList);
  const rebound = lists.filter(({ flags }) => (flags & ts.NodeFlags.Const) === 0).map((list) => list.getText());
  const constants = lists.flatMap(({ declarations }) => declarations.filter(isNamed));
  const known = new Set([...constants.map(({ name }) => name.text), ...importedNames(source)]);
  const open = new Set(constants.filter(isOpenCollection).map(({ name }) => name.text));
  const changed = new Set<string>();
  const visit = (node: ts.Node): void => {
    const target = changedBy(node);
    const root = target && rootOf(target);
    if (root !== undefined && known.has(root.text)) changed.add(root.text);
    if (ts.isIdentifier(node) && open.has(node.text) && isHandedOn(node)) changed.add(node.text);
    node.forEachChild(visit);
  };
  visit(source);
  return [...rebound, ...changed];
}

const importedNames = (source: ts.SourceFile): string[] =>
  source.statements.filter(ts.isImportDeclaration).flatMap(({ importClause }) => {
    const bindings = importClause?.namedBindings;
    const several = bindings && ts.isNamedImports(bindings) ? bindings.elements.map(({ name }) => name.text) : [];
    return [...(importClause?.name ? [importClause.name.text] : []), ...several];
  });

const isOpenCollection = ({ initializer, type }: ts.VariableDeclaration): boolean =>
  initializer !== undefined &&
  (ts.isArrayLiteralExpression(initializer) ? initializer.elements.length === 0 : isNewCollection(initializer)) &&
  !/^(Readonly|readonly )/.test(type?.getText() ?? '');

const isNewCollection = (node: ts.Node): boolean =>
  ts.isNewExpression(node) && ts.isIdentifier(node.expression) && COLLECTION.test(node.expression.text);

/** What a node changes in place, if it does. */
function changedBy(node: ts.Node): ts.Expression | undefined {
  if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) return node.left;
  if (ts.isDeleteExpression(node)) return node.expression;
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const steps = node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken;
    return steps ? node.operand : undefined;
  }
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined;
  if (/^(Object|Reflect)\.(assign|set|define|delete)/.test(node.expression.getText())) return node.arguments[0];
  return CHANGING.test(node.expression.name.text) ? node.expression.expression : undefined;
}

const isAssignment = (kind: ts.SyntaxKind): boolean => kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;

/** The variable that a chain of members and brackets begins with. */
function rootOf(node: ts.Expression): ts.Identifier | undefined {
  if (ts.isIdentifier(node)) return node;
  const isLink = ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node) || ts.isNonNullExpression(node);
  return isLink || ts.isParenthesizedExpression(node) ? rootOf(node.expression) : undefined;
}

/** Whether a use of a name is more than asking it, by a member or in a loop. */
function isHandedOn(use: ts.Identifier): boolean {
  const { parent } = use;
  if (ts.isVariableDeclaration(parent) && parent.name === use) return isExported(parent);
  if (ts.isPropertyAccessExpression(parent) || ts.isElementAccessExpression(parent)) return false;
  if (ts.isForOfStatement(parent) || ts.isSpreadElement(parent)) return false;
  return !(ts.isPropertyAssignment(parent) && parent.name === use);
}

const isExported = ({ parent: { parent } }: ts.VariableDeclaration): boolean =>
  ts.isVariableStatement(parent) && (parent.modifiers ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
