import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { en } from './en';
import { ja } from './ja';
import { setTextLanguage, translate } from './index';

const english = new Map<string, string>(Object.entries(en));
const japanese = new Map<string, string>(Object.entries(ja));
const placeholders = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '').toSorted();

function sources(folder: string): string {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'i18n' ? '' : sources(path);
      return /\.tsx?$/.test(entry.name) ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');
}

describe('the texts', () => {
  it('are there in both languages', () => {
    const expected = [...english.keys()].filter((key) => !key.endsWith('_one'));
    expect([...japanese.keys()].toSorted()).toEqual(expected.toSorted());
    expect([...english, ...japanese].filter(([, text]) => text === '')).toEqual([]);
  });

  it('take the same values in both languages', () => {
    for (const [key, text] of japanese) {
      expect([key, ...placeholders(text)]).toEqual([key, ...placeholders(english.get(key) ?? '')]);
    }
  });

  it('are all used', () => {
    const code = sources('src');
    // Keys that are put together of a fixed head and a word of the program.
    const heads = [...code.matchAll(/`([a-z_.]+\.)\$\{/g)].map((match) => match[1] ?? '');
    const unused = [...english.keys()]
      .map((key) => key.replace(/_(one|other)$/, ''))
      .filter((key) => !code.includes(`'${key}'`) && !code.includes(`"${key}"`) && !heads.some((head) => key.startsWith(head)));
    expect(unused.filter((key) => !key.endsWith('_text'))).toEqual([]);
  });

  it('count', () => {
    setTextLanguage('en');
    expect(translate('notice.blocks', { count: 1 })).toBe('1 task waits behind it');
    expect(translate('notice.blocks', { count: 3 })).toBe('3 tasks wait behind it');
    setTextLanguage('ja');
    expect(translate('notice.blocks', { count: 1 })).toBe('後ろで 1 件が待っています');
    setTextLanguage('en');
  });
});
