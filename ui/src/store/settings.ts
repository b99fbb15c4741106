// What the person prefers; kept in the window's own storage.

import { create } from 'zustand';

import type { Language } from '../platform/types';

export type Theme = 'system' | 'light' | 'dark';
export type Settings = { theme: Theme; language: Language; notifications: boolean };

const STORAGE_KEY = 'miyabi.settings';

function systemLanguage(): Language {
  return navigator.language.toLowerCase().startsWith('ja') ? 'ja' : 'en';
}

/** Takes from a stored text what is understood, and the defaults for the rest. */
export function readSettings(text: string | null, language: Language): Settings {
  const settings: Settings = { theme: 'system', language, notifications: true };
  try {
    const stored = JSON.parse(text ?? '{}') as Partial<Record<keyof Settings, unknown>>;
    if (stored.theme === 'light' || stored.theme === 'dark') settings.theme = stored.theme;
    if (stored.language === 'en' || stored.language === 'ja') settings.language = stored.language;
    if (typeof stored.notifications === 'boolean') settings.notifications = stored.notifications;
  } catch {
    // A torn text counts as none.
  }
  return settings;
}

export const useSettings = create<Settings>(() => readSettings(localStorage.getItem(STORAGE_KEY), systemLanguage()));

export function changeSettings(change: Partial<Settings>): void {
  useSettings.setState(change);
  localStorage.setItem(STORAGE_KEY, JSON.stringify(useSettings.getState()));
}

function systemIsDark(): boolean {
  return matchMedia('(prefers-color-scheme: dark)').matches;
}

export function resolveTheme(theme: Theme): 'light' | 'dark' {
  if (theme !== 'system') return theme;
  return systemIsDark() ? 'dark' : 'light';
}

/** Calls back when the system turns from light to dark or back. */
export function onSystemTheme(callback: () => void): () => void {
  const query = matchMedia('(prefers-color-scheme: dark)');
  query.addEventListener('change', callback);
  return () => query.removeEventListener('change', callback);
}
