// What the person prefers.

import { Monitor, Moon, Sun } from 'lucide-react';
import type { ReactNode } from 'react';

import { Segmented, Toggle } from '../design/menus';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import { changeSettings, useSettings } from '../store/settings';
import { showOverlay, useView } from '../store/view';

function Line({ label, text, children }: { label: string; text?: string; children: ReactNode }) {
  return (
    <div className="flex items-center gap-4 border-t border-line py-3 first:border-0">
      <div className="min-w-0 flex-1">
        <p className="text-sm font-medium">{label}</p>
        {text === undefined ? null : <p className="text-xs text-ink-3">{text}</p>}
      </div>
      {children}
    </div>
  );
}

export function SettingsSheet() {
  const t = useText();
  const open = useView((view) => view.overlay === 'settings');
  const settings = useSettings();
  const themes = [
    { value: 'light', label: <><Sun size={13} aria-hidden="true" />{t('settings.light')}</>, testId: 'theme-light' },
    { value: 'dark', label: <><Moon size={13} aria-hidden="true" />{t('settings.dark')}</>, testId: 'theme-dark' },
    { value: 'system', label: <><Monitor size={13} aria-hidden="true" />{t('settings.system')}</>, testId: 'theme-system' },
  ] as const;
  const languages = [
    { value: 'en', label: 'English', testId: 'language-en' },
    { value: 'ja', label: '日本語', testId: 'language-ja' },
  ] as const;
  return (
    <Sheet open={open} onClose={() => showOverlay(null)} title={t('settings.title')}>
      <Line label={t('settings.theme')}>
        <Segmented label={t('settings.theme')} value={settings.theme} options={themes} onPick={(theme) => changeSettings({ theme })} />
      </Line>
      <Line label={t('settings.language')}>
        <Segmented label={t('settings.language')} value={settings.language} options={languages} onPick={(language) => changeSettings({ language })} />
      </Line>
      <Line label={t('settings.notifications')} text={t('settings.notifications_text')}>
        <Toggle
          label={t('settings.notifications')}
          checked={settings.notifications}
          onChange={(notifications) => changeSettings({ notifications })}
        />
      </Line>
    </Sheet>
  );
}
