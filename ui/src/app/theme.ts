// Light or dark, on the page and for what draws its own colours.

import { useEffect, useSyncExternalStore } from 'react';

import { onSystemTheme, resolveTheme, useSettings } from '../store/settings';

export function useTheme(): 'light' | 'dark' {
  const chosen = useSettings((settings) => settings.theme);
  return useSyncExternalStore(onSystemTheme, () => resolveTheme(chosen));
}

export function useThemeOnPage(): void {
  const theme = useTheme();
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
}
