import { describe, expect, it } from 'vitest';

import { amountText, moneyOf, moneyText } from './money';

describe('money', () => {
  it('is written with the places that matter', () => {
    expect([0, 0.0042, 0.3, 12.345].map(moneyText)).toEqual(['$0.00', '$0.0042', '$0.30', '$12.35']);
  });

  it('is read as people type it, and nothing else is money', () => {
    expect(['25', '$2.50', ' 3 ', '', '-1', 'much', 'Infinity'].map(moneyOf)).toEqual([25, 2.5, 3, null, null, null, null]);
  });

  it('large counts are short', () => {
    expect([950, 12_345, 4_512_000].map(amountText)).toEqual(['950', '12.3 k', '4.5 M']);
  });
});
