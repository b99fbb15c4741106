// Every text that a person reads comes from here, under a typed key.

import { createInstance } from 'i18next';
import { useSyncExternalStore } from 'react';

import { en } from './en';
import { ja } from './ja';
import type { Language } from '../platform/types';

type Singular<K extends string> = K extends `${infer Base}_one` ? Base : never;
type PluralBase = Singular<keyof typeof en>;

/** A key without the endings of its plural forms. */
export type TextKey = Exclude<keyof typeof en, `${PluralBase}_${'one' | 'other'}`> | PluralBase;
export type TextValues = Record<string, string | number>;
export type Translate = (key: TextKey, values?: TextValues) => string;

const i18n = createInstance();
void i18n.init({
  lng: 'en',
  fallbackLng: 'en',
  keySeparator: false,
  nsSeparator: false,
  initAsync: false,
  interpolation: { escapeValue: false },
  resources: { en: { translation: en }, ja: { translation: ja } },
});

/** Texts without values, found once a language: a graph asks for the same few hundreds of times. */
let plain = new Map<TextKey, string>();
i18n.on('languageChanged', () => {
  plain = new Map();
});

export const translate: Translate = (key, values) => {
  if (values !== undefined) return i18n.t(key as string, values);
  const known = plain.get(key);
  if (known !== undefined) return known;
  const text = i18n.t(key as string);
  plain.set(key, text);
  return text;
};

export function currentLanguage(): Language {
  return i18n.language === 'ja' ? 'ja' : 'en';
}

export function setTextLanguage(language: Language): void {
  document.documentElement.lang = language;
  if (i18n.language !== language) void i18n.changeLanguage(language);
}

function onLanguage(listener: () => void): () => void {
  i18n.on('languageChanged', listener);
  return () => i18n.off('languageChanged', listener);
}

export function useLanguage(): Language {
  return useSyncExternalStore(onLanguage, currentLanguage);
}

/** The translation of this moment's language; the component is drawn again when it changes. */
export function useText(): Translate {
  useLanguage();
  return translate;
}
