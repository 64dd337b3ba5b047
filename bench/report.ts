/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly value: number;
  /** What stands behind the value: `×` for a ratio, else a unit. */
  readonly unit: string;
  readonly target?: { readonly than: 'least' | 'below'; readonly limit: number };
  /** The figures that the value was made of, as a reader wants them. */
  readonly figures: string;
  /** The same, whole, for `--json`. */
  readonly raw: Readonly<Record<string, readonly number[]>>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** The value that so many percent of the others don't exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}

/** Of what was measured in pairs: the median of the quotients, so that noise of the machine that hits both cancels out. */
export const medianRatio = (above: readonly number[], below: readonly number[]): number =>
  median(above.map((value, index) => value / (below[index] ?? NaN)));

/** Three significant digits, without an exponent. */
export const show = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));

export const list = (values: readonly number[]): string => values.map(show).join(' ');

export const isMet = ({ value, target }: Row): boolean =>
  target === undefined || (target.than === 'least' ? value >= target.limit : value < target.limit);

const targetOf = ({ target, unit }: Row): string =>
  target === undefined ? '' : `${target.than === 'least' ? '≥' : '<'} ${show(target.limit)} ${unit}`;

export function table(rows: readonly Row[]): string {
  const cells = [
    ['', 'median', 'target', '', 'figures'],
    ...rows.map((row) => [
      row.what,
      `${show(row.value)} ${row.unit}`,
      targetOf(row),
      row.target === undefined ? '' : isMet(row) ? 'met' : 'MISSED',
      row.figures,
    ]),
  ];
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
