// Tokens and money as people read them. Pure.

import type { UsageView } from '../platform/types';

/** `$1.25`, and small sums with more places. */
export function moneyText(dollars: number): string {
  return `$${dollars.toFixed(dollars === 0 || dollars >= 0.1 ? 2 : 4)}`;
}

/** A large count: `950`, `12.3 k`, `4.5 M`. */
export function amountText(count: number): string {
  if (count < 1000) return String(Math.round(count));
  return count < 1_000_000 ? `${(count / 1000).toFixed(1)} k` : `${(count / 1_000_000).toFixed(1)} M`;
}

export function isUsed(usage: UsageView): boolean {
  return usage.input_tokens + usage.output_tokens > 0 || (usage.cost_usd ?? 0) > 0;
}

/** A sum of money as a person types it; null when it is none. */
export function moneyOf(text: string): number | null {
  const sum = Number(text.trim().replace(/^\$/, ''));
  return text.trim() !== '' && Number.isFinite(sum) && sum >= 0 ? sum : null;
}
