/**
 * How likely two samples differ at least this much by their ranks where nothing makes them differ: the two-sided p of the
 * Mann–Whitney U test, by its normal approximation with the correction for ties and for continuity. For twenty values a
 * side and more.
 */
export function mannWhitney(one: readonly number[], other: readonly number[]): number {
  const all = [...one.map((value) => ({ value, isOne: true })), ...other.map((value) => ({ value, isOne: false }))];
  all.sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ties = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
    const count = to - from;
    // Those that are equal share the mean of their ranks, which begin with 1.
    const rank = (from + 1 + to) / 2;
    rankSum += rank * all.slice(from, to).filter(({ isOne }) => isOne).length;
    ties += count ** 3 - count;
    from = to;
  }
  const [n, m, total] = [one.length, other.length, all.length];
  const distance = Math.abs(rankSum - (n * (n + 1)) / 2 - (n * m) / 2);
  const deviation = Math.sqrt(((n * m) / 12) * (total + 1 - ties / (total * (total - 1))));
  return deviation === 0 ? 1 : Math.min(1, 2 * upperTail(Math.max(0, distance - 0.5) / deviation));
}

/** The part of the normal distribution beyond z ≥ 0 (Abramowitz and Stegun 26.2.17; wrong by less than 1e-7). */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}
