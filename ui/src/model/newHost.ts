// A host that a person describes in a few fields, read into what the plan takes.

import type { NewHost } from '../platform/types';

const MOST_NAMES = 12;
const LONGEST_ID = 48;

/** A name for the plan made of a name for ssh: `ec2-user@mugen.example.com` becomes `MUGEN`. */
export function hostIdFrom(address: string): string {
  const host = address.trim().split('@').at(-1)?.split(/[.:]/)[0] ?? '';
  return host
    .replaceAll(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .slice(0, LONGEST_ID)
    .toUpperCase();
}

/** The known names that what was typed may be the beginning or a part of; none once one is typed whole. */
export function matchingNames(names: readonly string[], typed: string): string[] {
  const text = typed.trim().toLowerCase();
  if (names.some((name) => name.toLowerCase() === text)) return [];
  const found = names.filter((name) => name.toLowerCase().includes(text));
  return found.toSorted((a, b) => Number(b.toLowerCase().startsWith(text)) - Number(a.toLowerCase().startsWith(text))).slice(0, MOST_NAMES);
}

export type HostFields = { id: string; address: string; title: string; capacity: string; labels: string };
export type FieldProblem = 'address' | 'id' | 'taken' | 'capacity';
export type Made = { good: true; host: NewHost } | { good: false; problem: FieldProblem };

/** What the fields say, or the first of them that says nothing good. */
export function newHost(fields: HostFields, taken: readonly string[]): Made {
  const address = fields.address.trim();
  const id = fields.id.trim();
  const count = fields.capacity.trim();
  if (address === '' || address.startsWith('-') || /\s/.test(address)) return { good: false, problem: 'address' };
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,47}$/.test(id)) return { good: false, problem: 'id' };
  if (taken.some((one) => one.toLowerCase() === id.toLowerCase())) return { good: false, problem: 'taken' };
  if (!/^([1-9]\d{0,3})?$/.test(count)) return { good: false, problem: 'capacity' };
  return {
    good: true,
    host: {
      id,
      title: fields.title.trim(),
      transport: 'ssh',
      address,
      command: [],
      capacity: count === '' ? null : Number(count),
      labels: fields.labels.split(/[\s,]+/).filter((label) => label !== ''),
      state_dir: null,
      work_folder: null,
    },
  };
}
