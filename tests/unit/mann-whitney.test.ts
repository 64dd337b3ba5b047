import { describe, expect, test } from '@jest/globals';
import { mannWhitney, median } from '../support/mann-whitney.js';
import { seededRandom } from '../support/random.js';

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, at) => at + from);

describe('the Mann–Whitney test', () => {
  // Values of SciPy: mannwhitneyu(one, other, method='asymptotic').
  test.each([
    ['a known example', [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46], [1.15, 0.88, 0.9, 0.74, 1.21], 0.2447],
    ['with ties', [1, 2, 2, 3, 3, 3], [2, 3, 3, 4, 4, 5], 0.0784],
    ['all equal', [5, 5, 5], [5, 5, 5], 1],
  ])('gives the p of others for %s', (_what, one, other, p) => {
    expect(mannWhitney(one, other)).toBeCloseTo(p, 3);
    expect(mannWhitney(other, one)).toBeCloseTo(p, 3);
  });

  test('tells apart what is apart, and not what is mixed', () => {
    expect(mannWhitney(upTo(50), upTo(50, 50))).toBeLessThan(1e-15);
    expect(
      mannWhitney(
        upTo(100).filter((at) => at % 2 === 0),
        upTo(100).filter((at) => at % 2 === 1),
      ),
    ).toBeGreaterThan(0.8);
  });

  test('cries wolf as often as it says', () => {
    const random = seededRandom(20);
    const draw = () => Array.from({ length: 40 }, () => random.below(1000));
    const alarms = upTo(1000).filter(() => mannWhitney(draw(), draw()) < 0.05).length;
    expect(alarms).toBeGreaterThan(25);
    expect(alarms).toBeLessThan(80);
  });
});

test.each([
  [[3], 3],
  [[4, 1], 2.5],
  [[9, 1, 5], 5],
])('the median of %j is %d', (values, middle) => {
  expect(median(values)).toBe(middle);
});
