// Light or dark with one click.

import { Moon, Sun } from 'lucide-react';

import { useTheme } from '../app/theme';
import { IconButton } from '../design/controls';
import { useText } from '../i18n';
import { changeSettings } from '../store/settings';

export function ThemeToggle() {
  const t = useText();
  const theme = useTheme();
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <IconButton
      icon={theme === 'dark' ? Sun : Moon}
      label={other === 'dark' ? t('settings.to_dark') : t('settings.to_light')}
      data-testid="theme-toggle"
      onClick={() => changeSettings({ theme: other })}
    />
  );
}
